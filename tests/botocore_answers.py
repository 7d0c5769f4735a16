"""Answers that moto never gives: a client's calls answered before they are sent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from botocore.client import BaseClient

#: Gets the call's body; returns (status, data) to answer it, or None to let it through.
Answer = Callable[[bytes], tuple[int, dict[str, Any]] | None]


@contextmanager
def answering(client: BaseClient, operation: str, answer: Answer) -> Iterator[None]:
    """Have `client`'s calls of `operation` answered by `answer` until the block ends."""
    name = f"before-call.{client.meta.service_model.service_id.hyphenize()}.{operation}"

    def answered(params: dict[str, Any], **_: object) -> tuple[object, dict[str, Any]] | None:
        given = answer(params["body"])
        return given and (SimpleNamespace(status_code=given[0]), given[1])

    handler: Callable[..., Any] = answered  # it answers, of which botocore's types know nothing
    client.meta.events.register_first(name, handler)
    try:
        yield
    finally:
        client.meta.events.unregister(name, handler)


@contextmanager
def calls_of(client: BaseClient) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Yield the calls of `client` as they are made until the block ends: operation and body."""
    name = f"provide-client-params.{client.meta.service_model.service_id.hyphenize()}"
    made: list[tuple[str, dict[str, Any]]] = []

    def note(params: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
        made.append((model.name, params))

    client.meta.events.register(name, note)
    try:
        yield made
    finally:
        client.meta.events.unregister(name, note)
