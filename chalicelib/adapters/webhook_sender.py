"""One POST to a subscriber: short, bounded, to a public address, never following a redirect."""

import ipaddress
import socket
from datetime import UTC, datetime
from time import monotonic
from urllib.parse import urlsplit

import requests

from chalicelib.adapters import web
from chalicelib.domain.errors import FieldError, InvalidInputError
from chalicelib.usecases.ports import Attempt

TIMEOUT_SECONDS = 5.0

#: How much of an answer is kept with the delivery; the rest is not read.
MAX_ANSWER_BYTES = 1024

_UNRESOLVED = "the host name cannot be resolved"


class HttpWebhookSender:
    """The WebhookSender over HTTP; `allow_loopback` is for the local stage alone."""

    def __init__(self, *, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback

    def check(self, url: str) -> None:
        """Refuse an address that must never be called; raises InvalidInputError.

        A name that does not resolve yet may be registered: it is judged again at each attempt.
        """
        reason = self._refusal(url)
        if reason and reason != _UNRESOLVED:
            raise InvalidInputError((FieldError("url", reason),))

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Attempt:
        """Post once; what goes wrong is in the attempt, not raised."""
        at, started = datetime.now(UTC), monotonic()
        status: int | None = None
        answer, error = "", self._refusal(url)
        if error is None:
            try:
                with web.session().post(
                    url,
                    data=body,
                    headers=headers,
                    timeout=(TIMEOUT_SECONDS, TIMEOUT_SECONDS),
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    status = response.status_code
                    first = next(response.iter_content(MAX_ANSWER_BYTES), b"")
                    answer = first.decode("utf-8", "replace")
            except requests.RequestException as failure:
                error = type(failure).__name__
        duration_ms = int((monotonic() - started) * 1000)
        return Attempt(at=at, status=status, duration_ms=duration_ms, answer=answer, error=error)

    def _refusal(self, url: str) -> str | None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return _UNRESOLVED
        addresses = {ipaddress.ip_address(entry[4][0]) for entry in found}
        if self._allow_loopback and all(address.is_loopback for address in addresses):
            return None
        if parts.scheme != "https":
            return "must be https"
        if not all(address.is_global and not address.is_multicast for address in addresses):
            return "must not point at a private or reserved address"
        return None
