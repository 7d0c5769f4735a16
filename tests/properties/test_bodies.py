"""Whatever comes as a body is a request, or a declared refusal: never anything else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.content import Approval, NewRequest, Rejection
from chalicelib.domain.errors import InvalidInputError
from chalicelib.domain.model import Value
from chalicelib.domain.webhooks import NewSubscription
from chalicelib.handlers.http import body
from tests.factories import item_body, request_body

MODELS: list[type[Value]] = [NewRequest, Approval, Rejection, NewSubscription]
TAKES = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["\ud800", "<b>", "1", "*", "finance", "10.0.0.1", "https://[", 10**4000])
)
NAMES = st.sampled_from(
    [*request_body(), *item_body(), "items", "url", "events", "departments", "reviewNotes"]
) | st.text(max_size=5)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)


def parse(raw: bytes, model: type[Value]) -> None:
    """Parse, and let nothing but a declared refusal pass, which then says what is wrong."""
    refusal = _refusal(raw, model)
    if refusal is not None and refusal.code != "MALFORMED_JSON":
        assert refusal.errors
        assert all(error.field and error.message for error in refusal.errors)


def _refusal(raw: bytes, model: type[Value]) -> InvalidInputError | None:
    try:
        body.parse(raw, "application/json", model)
    except InvalidInputError as refusal:
        return refusal
    return None


@TAKES
@given(raw=st.binary(max_size=200))
def test_any_bytes(model: type[Value], raw: bytes) -> None:
    parse(raw, model)


@TAKES
@given(raw=st.text('{}[]",:0123456789.eE+-truefalsn\\u \ud800', max_size=60))
def test_almost_json(model: type[Value], raw: str) -> None:
    parse(raw.encode("utf-8", "surrogatepass"), model)


@TAKES
@given(data=JSON)
def test_any_json(model: type[Value], data: object) -> None:
    parse(json.dumps(data).encode(), model)


@given(st.dictionaries(NAMES, JSON, min_size=1, max_size=3))
def test_a_good_body_with_some_of_it_replaced(changes: dict[str, Any]) -> None:
    parse(json.dumps(request_body(items=[item_body()]) | changes).encode(), NewRequest)
    parse(json.dumps(request_body(items=[item_body() | changes])).encode(), NewRequest)
