"""Text as people type it: no markup, no control characters, otherwise unchanged."""

import html
import re
from bisect import bisect_left
from typing import Annotated

import nh3
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic.fields import FieldInfo

from chalicelib.domain.elements import BOOLEAN_ATTRIBUTES, ELEMENTS

#: Longer texts are refused unread: four times the longest limit below, and short enough that the
#: parser, whose time grows with the square of how deep tags are nested, is done at once.
MAX_TYPED_CHARACTERS = 20_000

#: What people and things are called, and ids and roles of people.
MAX_NAME_CHARACTERS = 200

#: An address of mail (RFC 5321: 256 with its angle brackets).
MAX_ADDRESS_CHARACTERS = 254

#: Tags hide in what is left when others go (`<<b>i>`); honest text is done after the second look.
MAX_PASSES = 5

_BETWEEN = "\t\n\f\r /"

#: What is cut off at the ends of a text. Spelled out, because `\\s` is not the same everywhere.
_SPACE = r"\t\n\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

#: A name that could be an element's, or one half of it: custom elements have a hyphen in theirs.
_PART = r"[a-z][a-z0-9_]*(?:-[a-z0-9._-]*)?"

#: What the parser has to be protected from, or to be shown: `special` and `name` begin a tag where
#: they are closed; `word` is what else a browser might take for one. Spaces at the text's end are
#: cut off later: a name before them is judged as it will stand then.
_SIGN = re.compile(
    r"[&\r]|<(?:(?P<special>!--|!doctype|!\[cdata\[|\?[a-z])"
    rf"|(?P<slash>/?)(?P<name>{_PART}(?::{_PART})*)(?=[{_BETWEEN}>]|[{_SPACE}]*\Z)"
    r"|(?P<word>[a-z]))?",
    re.IGNORECASE | re.ASCII,
)
_ATTRIBUTE = re.compile(
    rf"[{_BETWEEN}\"'](?P<name>[a-z_:@][a-z0-9_:.@-]*)[{_BETWEEN[:-1]}]*=(?!=)",
    re.IGNORECASE | re.ASCII,
)
_HANDLER = re.compile(r"\bon[a-z]+\s*=", re.IGNORECASE | re.ASCII)

#: These go with what stands in them.
_WHOLE = {"script", "style"}

#: More characters of attributes without a value than any tag has.
_FEW_WORDS = 200

_SCRIPT_END = re.compile(rf"</(script|style)(?=[{_BETWEEN}>])", re.IGNORECASE | re.ASCII)

_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def strip_markup(text: str) -> str:
    """Return `text` without HTML tags and scripts; everything else comes back as typed.

    A tag is `<`, a name that could be an element's, nothing or attributes, and `>`; so are comments
    and the like. Words that are no attributes compare something: `x<y and z>3` is text. A tag that
    is never closed is text too, its `<` parted from the name of an element by a space.
    Raises ValueError where tags hide in tags deeper than anyone types by accident.
    """
    for _ in range(MAX_PASSES):
        if "<" not in text:
            return text
        cleaned = _without_tags(text)
        if cleaned == text:
            return text
        text = cleaned
    raise ValueError("must not hide tags in tags")


def _without_tags(text: str) -> str:
    """Take one look for tags.

    The parser is shown tags alone: every other `<` is protected from it, as are ampersands, so that
    text that merely spells an entity (`&lt;`) is not turned into what it spells, and carriage
    returns, which HTML does not tell from line feeds. An element is shown as a plain one, since
    some have the parser move or drop what stands in them, unless it goes with its content.
    """
    last_handler = max((found.start() for found in _HANDLER.finditer(text)), default=-1)
    attributes = [found.start("name") for found in _ATTRIBUTE.finditer(text)]
    last_end = {found[1].lower(): found.start() for found in _SCRIPT_END.finditer(text)}

    def shield(found: re.Match[str]) -> str:
        sign, start, end = found[0], found.start(), found.end()
        if not sign.startswith("<"):
            return {"&": "&amp;", "\r": "&#13;"}[sign]
        name = (found["name"] or "").lower()
        close = text.find("-->" if found["special"] == "!--" else ">", start + 2)
        if close >= 0 and (found["special"] or (name and is_tag(name, end, close))):
            if found["special"]:
                return sign
            goes_whole = last_end.get(name, -1) >= start
            return f"<{found['slash']}{name if goes_whole else 'span'} "
        # Browsers make tags of elements they know, and run the handlers of those they do not.
        is_word = len(name) == 1 and "=" not in text[end : close if close >= 0 else None]
        is_known = found["special"] or (name in ELEMENTS and not is_word)
        is_armed = bool(name or found["word"]) and last_handler > start
        return ("&lt; " if is_known or is_armed else "&lt;") + sign[1:]

    def is_tag(name: str, end: int, close: int) -> bool:
        rest = text[end:close]
        if not rest.strip(_BETWEEN) or name in _WHOLE:
            return True
        if name in ELEMENTS and "=" in rest:
            return True
        nearest = bisect_left(attributes, end)
        if nearest < len(attributes) and attributes[nearest] < close:
            return True
        words = re.split(f"[{_BETWEEN}]+", rest.lower()) if len(rest) <= _FEW_WORDS else ["?"]
        return all(not word or word in BOOLEAN_ATTRIBUTES for word in words)

    return html.unescape(nh3.clean(_SIGN.sub(shield, text), tags=set(), strip_comments=True))


def _readable(value: object) -> object:
    if not isinstance(value, str):
        return value
    if len(value) > MAX_TYPED_CHARACTERS:
        raise ValueError(f"must be at most {MAX_TYPED_CHARACTERS} characters, markup included")
    if _FORBIDDEN.search(value):
        raise ValueError("must not contain control characters or lone surrogates")
    return strip_markup(value)


def _plain(text: str) -> str:
    if _readable(text) != text:
        raise ValueError("must not contain markup")
    return text


# For the published schemas: what is refused in any text. That markup goes, no pattern can say.
_CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_ANY, _INK = f"[^{_CONTROL}]", f"[^{_CONTROL}{_SPACE}]"


def _published(pattern: str) -> FieldInfo:
    extra: FieldInfo = Field(json_schema_extra={"pattern": pattern})
    return extra


_TEXT = _published(f"^{_ANY}*$")
_NOT_BLANK = _published(f"^{_ANY}*{_INK}{_ANY}*$")
_TEN_CHARACTERS = _published(f"^{_ANY}*{_INK}{_ANY}{{8,}}{_INK}{_ANY}*$")

# What stands last in an annotation is asked first: markup goes, then lengths are measured.
Name = Annotated[
    str,
    StringConstraints(
        strict=True, strip_whitespace=True, min_length=1, max_length=MAX_NAME_CHARACTERS
    ),
    BeforeValidator(_readable),
    _NOT_BLANK,
]
Reference = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=100),
    BeforeValidator(_readable),
    _NOT_BLANK,
]
Purpose = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=10, max_length=500),
    BeforeValidator(_readable),
    _TEN_CHARACTERS,
]
Justification = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, max_length=5000),
    BeforeValidator(_readable),
    _TEXT,
]
Notes = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=2000),
    BeforeValidator(_readable),
    _NOT_BLANK,
]

# What HR Auth says of a person. Ids and roles are compared and read, not shown alone: what is not
# kept to the letter could be another's.
Identity = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=MAX_NAME_CHARACTERS),
    AfterValidator(_plain),
]
MailAddress = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, max_length=MAX_ADDRESS_CHARACTERS),
    BeforeValidator(_readable),
]
