"""A body on a GET means nothing: whatever it is, the answer is that of the GET without it."""

import pytest

from chalicelib.handlers.http.body import MAX_BODY_BYTES
from tests.http_api import Api


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [(b"{}", "application/json"), (b"not json", "application/json"), (b"\xff", "text/plain")],
)
def test_a_body_on_a_get_is_ignored(api: Api, raw: bytes, content_type: str) -> None:
    answer = api.call(
        "GET", "/budget-requests", role="Finance Clerk", raw=raw, content_type=content_type
    )

    assert answer.status == 200
    assert answer.json["meta"]["total"] == 0


def test_a_body_beyond_the_limit_is_refused_on_a_get_too(api: Api) -> None:
    answer = api.call(
        "GET", "/budget-requests", role="Finance Clerk", raw=b" " * (MAX_BODY_BYTES + 1)
    )

    assert (answer.status, answer.code) == (413, "BODY_TOO_LARGE")
