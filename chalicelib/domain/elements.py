"""The elements of HTML, obsolete ones included, SVG and MathML, in lower case."""

_HTML = """
a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big blink
blockquote body br button canvas caption center cite code col colgroup command content data datalist
dd del details dfn dialog dir div dl dt element em embed fencedframe fieldset figcaption figure font
footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe image img input ins
isindex kbd keygen label legend li link listing main map mark marquee menu menuitem meta meter
multicol nav nextid nobr noembed noframes noscript object ol optgroup option output p param picture
plaintext portal pre progress q rb rbc rp rt rtc ruby s samp script search section select
selectedcontent shadow slot small source spacer span strike strong style sub summary sup table tbody
td template textarea tfoot th thead time title tr track tt u ul var video wbr xml xmp
"""

_SVG = """
animate animatecolor animatemotion animatetransform circle clippath cursor defs desc discard ellipse
feblend fecolormatrix fecomponenttransfer fecomposite feconvolvematrix fediffuselighting
fedisplacementmap fedistantlight fedropshadow feflood fefunca fefuncb fefuncg fefuncr fegaussianblur
feimage femerge femergenode femorphology feoffset fepointlight fespecularlighting fespotlight fetile
feturbulence filter foreignobject g glyph glyphref handler hkern line lineargradient listener marker
mask metadata missing-glyph mpath path pattern polygon polyline prefetch radialgradient rect set
solidcolor stop svg switch symbol tbreak text textpath tref tspan use view vkern
"""

_MATHML = """
annotation annotation-xml maction maligngroup malignmark math menclose merror mfenced mfrac mglyph
mi mlabeledtr mlongdiv mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms
mscarries mscarry msgroup msline mspace msqrt msrow mstack mstyle msub msubsup msup mtable mtd
mtext mtr munder munderover none semantics
"""

ELEMENTS = frozenset(f"{_HTML} {_SVG} {_MATHML}".split())

_BOOLEAN = """
allowfullscreen async autofocus autoplay checked contenteditable controls default defer disabled
download draggable formnovalidate hidden inert ismap itemscope loop multiple muted nomodule
noshade novalidate nowrap open playsinline popover readonly required reversed scoped seamless
selected spellcheck
"""

#: The attributes of HTML that need no value: what a tag may hold that has no `=`.
BOOLEAN_ATTRIBUTES = frozenset(_BOOLEAN.split())
