"""Answers that moto never gives: a client's calls answered before they are sent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

#: Gets the call's body; returns (status, data) to answer it, or None to let it through.
Answer = Callable[[bytes], tuple[int, dict[str, Any]] | None]


@contextmanager
def answering(client: Any, operation: str, answer: Answer) -> Iterator[None]:  # noqa: ANN401
    """Have `client`'s calls of `operation` answered by `answer` until the block ends."""
    name = f"before-call.{client.meta.service_model.service_id.hyphenize()}.{operation}"

    def answered(params: dict[str, Any], **_: object) -> tuple[object, dict[str, Any]] | None:
        given = answer(params["body"])
        return given and (SimpleNamespace(status_code=given[0]), given[1])

    client.meta.events.register_first(name, answered)
    try:
        yield
    finally:
        client.meta.events.unregister(name, answered)
