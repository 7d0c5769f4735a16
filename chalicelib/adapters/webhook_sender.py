"""One POST to a subscriber: short, bounded, to a public address, never following a redirect."""

from time import monotonic
from urllib.parse import urlsplit

import requests

from chalicelib.adapters import web
from chalicelib.domain import addresses
from chalicelib.domain.deliveries import Answered
from chalicelib.domain.errors import FieldError, InvalidInputError

TIMEOUT_SECONDS = 5.0

#: How much of an answer is kept with the delivery; the rest is not read.
MAX_ANSWER_BYTES = 1024

_UNRESOLVED = "the host name cannot be resolved"
_NO_URL = "must be a valid http(s) URL"
_NO_HTTPS = "must be https"
_INWARDS = "must not point at a private or reserved address"
_ODD_PORT = "must not use the port of another protocol"


class HttpWebhookSender:
    """The WebhookSender over HTTP; `allow_loopback` is for the local stage alone."""

    def __init__(self, *, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback

    def check(self, url: str) -> None:
        """Refuse an address that must never be called; raises InvalidInputError.

        A name that does not resolve yet may be registered: it is judged again at each attempt.
        """
        with web.within(TIMEOUT_SECONDS):
            reason = self._refusal(url)
        if reason and reason != _UNRESOLVED:
            raise InvalidInputError((FieldError("url", reason),))

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answered:
        """Post once; what goes wrong is in the answer, not raised."""
        started = monotonic()
        status: int | None = None
        retry_after: str | None = None
        answer = bytearray()
        try:
            with web.within(TIMEOUT_SECONDS):
                # The addresses that are judged here are the ones that are called.
                error = self._refusal(url)
                if error is None:
                    with web.session().post(
                        url, data=body, headers=headers, allow_redirects=False, stream=True
                    ) as response:
                        status = response.status_code
                        retry_after = response.headers.get("Retry-After")
                        for piece in web.beginning(response, MAX_ANSWER_BYTES):
                            answer += piece
        except requests.RequestException as failure:
            error = type(failure).__name__
        return Answered(
            status=status,
            duration_ms=int((monotonic() - started) * 1000),
            answer=answer.decode("utf-8", "replace"),
            error=error,
            retry_after=retry_after,
        )

    def _refusal(self, url: str) -> str | None:
        wrong = addresses.judge_url(url)
        if wrong:
            return wrong
        try:
            # Read as it will be called, should parsers differ over who is meant.
            parts = urlsplit(requests.Request("POST", url).prepare().url or "")
        except requests.RequestException:
            return _NO_URL
        host = parts.hostname or ""
        if host != urlsplit(url).hostname:
            return _NO_URL
        if addresses.leads_inwards(host) and not (self._allow_loopback and host == "localhost"):
            return _INWARDS
        try:
            found = web.resolve(host)
        except OSError:
            return _UNRESOLVED if parts.scheme == "https" or self._allow_loopback else _NO_HTTPS
        if self._allow_loopback and all(map(addresses.is_loopback, found)):
            return None
        return _refusal_of(found, parts.scheme, parts.port)


def _refusal_of(found: list[str], scheme: str, port: int | None) -> str | None:
    if not all(map(addresses.is_public, found)):
        return _INWARDS
    if scheme != "https":
        return _NO_HTTPS
    return _ODD_PORT if addresses.is_odd_port(scheme, port) else None
