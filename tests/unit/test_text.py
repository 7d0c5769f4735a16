from time import process_time

import pytest
from pydantic import TypeAdapter, ValidationError

from chalicelib.domain import text
from chalicelib.domain.text import Justification, Name, Notes, Purpose, Reference, strip_markup

PURPOSE: TypeAdapter[str] = TypeAdapter(Purpose)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("<b>Laptops</b> for audit", "Laptops for audit"),
        ("<script>alert(1)</script>Laptops", "Laptops"),
        ("<style>p{}</style>Laptops", "Laptops"),
        ("a <!-- hidden --> b", "a  b"),
        ('<img src=x onerror="alert(1)">Laptops', "Laptops"),
        ("<IMG SRC=x>Laptops", "Laptops"),
        ("<a href='javascript:alert(1)'>here</a>", "here"),
        ("<<b>script>alert(1)<</b>/script>Laptops", "Laptops"),
        ("<xmp><b>Laptops</b></xmp>", "Laptops"),
        ("<textarea><i>Laptops</i></textarea>", "Laptops"),
        ("<plaintext><i>Laptops", "Laptops"),
        ("<svg><script>alert(1)</script></svg>Laptops", "Laptops"),
        ("<scr<script>ipt>Laptops", "Laptops"),
        ("<img\rsrc=x\ronerror=y>Laptops", "Laptops"),
        ("<svg/onload=alert(1)>Laptops", "Laptops"),
        ("<script async>alert(1)</script >Laptops", "Laptops"),
        ("<!doctype html><?xml version='1.0'?><![CDATA[x]]>Laptops", "Laptops"),
        ("<a title='5>4'>Laptops</a>", "Laptops"),
        ("<b class=x>Laptops</b >", "Laptops"),
        ("<table>Laptops<tr><td> 1", "Laptops 1"),
        ("<select>Laptops <y</select>", "Laptops <y"),
        ("<xmp>R&D <3</xmp>", "R&D <3"),
        ("a <script> tag, please", "a  tag, please"),
        ("<script foo>alert(1)</script bar>Laptops", "Laptops"),
        ("<xss style=position:fixed>Laptops</xss>", "Laptops"),
        ("<custom-el>Laptops</custom-el>", "Laptops"),
        ("<x href=javascript:alert(1)>Laptops", "Laptops"),
        ("<x foo style = color:red>Laptops", "Laptops"),
        ("<o:p>Laptops</o:p>", "Laptops"),
        ("<v:shape id='a>b' style=x>Laptops</v:shape>", "Laptops"),
        ("<my-el.v2 hidden>Laptops", "Laptops"),
        ("<xss onfocus=alert(1) autofocus>Laptops", "Laptops"),
        ('<x a=">" onfocus=alert(1)>Laptops', "Laptops"),
        ("<x:y/onfocus=alert(1)>Laptops", "Laptops"),
        ("a vector<a> and <y /> of <first-name>", "a vector and  of "),
    ],
)
def test_markup_goes_and_its_text_stays(typed: str, kept: str) -> None:
    assert strip_markup(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "R&D < 5 %",
        "5 > 4 & 3 < 4",
        "&lt;b&gt; is how HTML spells it",
        "&lt;b&gt; < &amp;lt; &copy; &#60;",
        "we <3 laptops",
        "line one\r\nline two < 5\rthree\tend",
        "Zażółć gęślą jaźń 你好 😀 < 1",
        "no-break\u00a0space < 5",
        "a << b >> c",
        "Seats at <EUR 500 per seat, please approve soon",
        "budget<limit this quarter; see notes",
        "x<y: stock below target",
        "if a<b and c>d then it is ok",
        "if a<b and c>=d, or i<p",
        "for (i = 0; i<p; i++) a</b and c>d",
        "Ask John <john@example.com> for the quote",
        "see <https://example.com/?a=b> or <example.com>",
        "x<y and z>3",
        "x<total and z>3",
        "if (n<max && k==2 && p>q)",
        "a<b-c and d>e",
        "<EUR 500 a seat>",
        "<\u017fcript>",
        "a <!b> <? </ </1>",
        "",
    ],
)
def test_everything_else_is_the_same_after_any_number_of_round_trips(typed: str) -> None:
    kept = typed
    for _ in range(5):
        kept = strip_markup(kept)
        assert kept == typed


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Laptops <script src=x", "Laptops < script src=x"),
        ("Laptops <img src=x onerror=alert(1)", "Laptops < img src=x onerror=alert(1)"),
        ("Laptops <a href=x", "Laptops < a href=x"),
        ("Laptops <!-- more", "Laptops < !-- more"),
        ("spend<base and so on", "spend< base and so on"),
        ("Laptops </script", "Laptops < /script"),
        ("<xss onfocus=alert(1) autofocus", "< xss onfocus=alert(1) autofocus"),
        ("<x, onfocus=alert(1)>", "< x, onfocus=alert(1)>"),
        ("x<table and y>3 ok", "x< table and y>3 ok"),
    ],
)
def test_what_a_browser_might_make_a_tag_of_is_kept_and_disarmed(typed: str, kept: str) -> None:
    assert strip_markup(typed) == kept
    assert strip_markup(kept) == kept


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<b ",
        "<img ",
        "<img =",
        "<!--",
        "</script ",
        "<script>",
        "<b>",
        "<x onx=",
        "on",
        "<y a ",
        " a=",
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    worst = (piece * text.MAX_TYPED_CHARACTERS)[: text.MAX_TYPED_CHARACTERS]
    started = process_time()

    strip_markup(worst)

    assert process_time() - started < 2


def test_tags_hidden_deep_in_tags_are_refused() -> None:
    with pytest.raises(ValueError, match="tags in tags"):
        strip_markup("<" * 10 + "b>" * 10)


@pytest.mark.parametrize("hidden", [0x00, 0x08, 0x1B, 0x7F, 0x85, 0xD800, 0xDFFF], ids=hex)
def test_control_characters_and_lone_surrogates_are_refused(hidden: int) -> None:
    with pytest.raises(ValidationError, match="control characters or lone surrogates"):
        PURPOSE.validate_python(f"New laptops {chr(hidden)} for audit")


def test_a_text_far_too_long_is_refused_before_it_is_parsed() -> None:
    deepest = "<div>" * (text.MAX_TYPED_CHARACTERS // 5 + 1)

    with pytest.raises(ValidationError, match="at most 20000 characters"):
        PURPOSE.validate_python(deepest)


@pytest.mark.parametrize(
    ("kind", "longest"),
    [(Name, 200), (Reference, 100), (Purpose, 500), (Justification, 5000), (Notes, 2000)],
)
def test_every_text_has_a_limit(kind: type[str], longest: int) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)

    assert adapter.validate_python("x" * longest) == "x" * longest
    with pytest.raises(ValidationError, match=f"at most {longest} characters"):
        adapter.validate_python("x" * (longest + 1))


def test_the_limits_count_what_is_kept_and_not_what_is_stripped() -> None:
    assert PURPOSE.validate_python("<b>" + "x" * 500 + "</b>  ") == "x" * 500
    for typed in ("<b><i>little</i></b>", "   little   ", " " * 10):
        with pytest.raises(ValidationError, match="at least 10 characters"):
            PURPOSE.validate_python(typed)


@pytest.mark.parametrize("typed", [5, True, None, ["New laptops for audit"], b"New laptops for"])
def test_only_text_is_text(typed: object) -> None:
    with pytest.raises(ValidationError):
        PURPOSE.validate_python(typed)


@pytest.mark.parametrize("space", ["\u00a0", "\u1680", "\u2003", "\u2028", "\u3000", " \u00a0\n"])
def test_what_one_look_leaves_the_next_leaves_too_whatever_space_was_cut_off(space: str) -> None:
    once = PURPOSE.validate_python(f"Laptops for <img{space}")

    assert once == "Laptops for < img"
    assert PURPOSE.validate_python(once) == once
