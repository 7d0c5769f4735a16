"""Text: no markup after, nothing else changed, and no crash on the way."""

import re

from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chalicelib.domain.text import Justification, strip_markup

#: What a browser would read as a tag that does something, a comment or an instruction.
MARKUP = re.compile(
    r"<!(--|doctype|\[cdata\[)[^>]*>"
    r"|</?(script|style|img|svg|math|xmp|textarea|plaintext|noscript)(?=[\s/>]|\Z)"
    r"|</?[ab]\s*/?>"
    r"|</?[ab][\s/][^>]*="
    r"|<[a-z][^>]*[\s/]on[a-z]+="
    r"|</?[a-z][a-z0-9_-]*(:[a-z][a-z0-9_-]*)?[\s/]*>"
    r"|<[a-z][a-z0-9_-]*(:[a-z][a-z0-9_-]*)?[\s/]+style=[^>]*>",
    re.IGNORECASE | re.ASCII,
)

PIECES = [
    *"<>/!?&;=-\"' \r\n\tab5",
    *("<b>", "</b>", "<script>", "</script>", "<!--", "-->", "<xmp>", "</xmp>", "<textarea>"),
    *("<img src=x onerror=y", "<script ", "<xss onfocus=z>", "<a ", "<!doctype x", "</script"),
    *("<EUR 500", "<y: ", "<john@example.com>", "<first-name>", " onx="),
    *("<xss style=y>", "<o:p>", "</o:p>", "<custom-el", " style=z", "<EUR 5>", "<x and y>"),
    *("<svg>", "<plaintext>", "<![CDATA[", "]]>", "<?x", "&lt;", "&gt;", "&amp;", "&#60;"),
    *(
        "<a href=x>",
        "<img src=x onerror=y>",
        "<style>",
        "<noscript>",
        "<math>",
        "你",
        "😀",
        "<img",
        "\u00a0",
        "\u2003",
    ),
]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
ENDS_IN_SPACE = st.tuples(
    HOSTILE, st.sampled_from(["<img", "<b", "</p"]), st.text("\u00a0\u2003 \n")
)
ANY = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200)
JUSTIFICATION: TypeAdapter[str] = TypeAdapter(Justification)


def stripped(text: str) -> str:
    """Strip `text`, or leave the example where it is refused as a whole."""
    try:
        return strip_markup(text)
    except ValueError:
        assume(False)
        raise


@given(HOSTILE | ANY)
def test_what_is_left_holds_no_markup(text: str) -> None:
    assert not MARKUP.search(stripped(text))


@given(HOSTILE | ANY)
def test_stripping_again_changes_nothing(text: str) -> None:
    once = stripped(text)

    assert strip_markup(once) == once


@given(HOSTILE.map(lambda text: text.replace("<", "")) | ANY.map(lambda t: t.replace("<", "")))
def test_text_without_a_tag_comes_back_as_typed(text: str) -> None:
    assert strip_markup(text) == text


@given(
    st.lists(
        st.sampled_from(
            ["<EUR 5", "<y and", "<b,", "<b and", "<j@x.org>", ">", " ", "&lt;", "<3", "你"]
        )
    ).map(" ".join)
)
def test_text_that_names_no_element_comes_back_as_typed(text: str) -> None:
    assert strip_markup(text) == text


@given(ANY)
def test_a_less_than_sign_that_opens_no_tag_stays(text: str) -> None:
    typed = text.replace("<", "") + " < 5 & 6"

    assert strip_markup(typed) == typed


@given(st.text(max_size=300) | HOSTILE | ENDS_IN_SPACE)
def test_any_text_is_taken_or_refused(text: str) -> None:
    try:
        taken = JUSTIFICATION.validate_python(text)
    except ValidationError:
        return
    assert JUSTIFICATION.validate_python(taken) == taken
