"""The front: people's address of the API, passed on to the embedded cloud byte for byte.

It compresses large answers, as API Gateway does and the embedded cloud does not.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware, GZipResponder, IdentityResponder
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from chalicelib.handlers.http.local_front import BAD_GATEWAY, GATEWAY_TIMEOUT, NOT_DEPLOYED
from chalicelib.handlers.http.security_headers import SECURITY_HEADERS

GATEWAY_STAGE = "api"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
# RFC 9110, 7.6.1: these belong to one connection and are not passed on.
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Longer than any function may run; the cloud closes idle connections after 75 s.
_TIMEOUT = httpx.Timeout(60, connect=2)
#: Calls that the cloud gets at the same time; more wait here for their turn. It starts a process of
#: the function for each, of a hundred megabytes and a second or two of a core: fifty calls at once
#: would have timed out before the last process had begun.
AT_ONCE = 8
_LIMITS = httpx.Limits(
    max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE, keepalive_expiry=30
)
#: Answers from so many bytes on are compressed for who takes that (`minimum_compression_size` in
#: .chalice/config.json).
COMPRESSES_FROM = 1024

RawHeaders = list[tuple[bytes, bytes]]


class _Anything(Convertor[str]):
    """The rest of a path, line breaks included, where Starlette's own stops at the first."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        """Return the text as it stands."""
        return value

    def to_string(self, value: str) -> str:
        """Return the text as it stands."""
        return value


register_url_convertor("anything", _Anything())


class _Gzip(GZipMiddleware):
    """Compresses for who takes gzip; Starlette's own looks for the word anywhere in the header."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call, compressed or as it is."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        accepted = ",".join(Headers(scope=scope).getlist("accept-encoding"))
        responder = GZipResponder if _takes_gzip(accepted) else IdentityResponder
        return await responder(self.app, self.minimum_size)(scope, receive, send)


def _takes_gzip(accepted: str) -> bool:
    """Whether a header of RFC 9110, 12.5.3, names gzip (or `x-gzip`, the same) and not by `q=0`."""
    for each in accepted.lower().split(","):
        coding, _, weight = each.partition(";")
        if coding.strip() in {"gzip", "x-gzip"}:
            return not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
    return False


class Front:
    """A reverse proxy from `/api/…` to the deployed API; where that is can change any time."""

    def __init__(self, endpoint_url: str, api_id: str | None = None) -> None:
        self.endpoint_url = endpoint_url
        self.api_id = api_id
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, limits=_LIMITS, trust_env=False)
        self.app = Starlette(
            exception_handlers={405: _not_allowed},
            middleware=[Middleware(_Gzip, minimum_size=COMPRESSES_FROM)],
            routes=[
                Route("/api", self._forward, methods=_METHODS),
                Route("/api/{path:anything}", self._forward, methods=_METHODS),
                Route("/{path:anything}", _elsewhere, methods=_METHODS),
            ],
        )

    @asynccontextmanager
    async def connections(self) -> AsyncIterator[None]:
        """Keep connections to the cloud for as long as the front serves."""
        async with self._client:
            yield

    async def _forward(self, request: Request) -> Response:
        if self.api_id is None:
            return _failure(*NOT_DEPLOYED)
        try:
            return await self._answer(self._outgoing(request, self.api_id))
        except httpx.TimeoutException:
            return _failure(*GATEWAY_TIMEOUT)
        except httpx.TransportError:
            return _failure(*BAD_GATEWAY)
        except ClientDisconnect:
            return Response(status_code=400)  # to nobody: the call broke off

    async def _answer(self, outgoing: httpx.Request) -> Response:
        """Return the cloud's answer as it came: status, headers and the body's bytes, undecoded."""
        answer = await self._client.send(outgoing, stream=True)
        try:
            # Whole, as the gateway has it: Lambda's are 6 MB at the most.
            passed = Response(b"".join([each async for each in answer.aiter_raw()]))
        finally:
            await answer.aclose()
        passed.status_code = answer.status_code
        passed.raw_headers = _passed_on(answer.headers.raw)
        return passed

    def _outgoing(self, request: Request, api_id: str) -> httpx.Request:
        path: bytes = request.scope["raw_path"].removeprefix(b"/api")
        query: bytes = request.scope["query_string"]
        target = f"/restapis/{api_id}/{GATEWAY_STAGE}/_user_request_".encode() + (path or b"/")
        headers = _passed_on(request.headers.raw)
        has_body = any(
            name in {b"content-length", b"transfer-encoding"} for name, _ in request.headers.raw
        )
        return httpx.Request(
            request.method,
            self.endpoint_url,
            headers=headers,
            content=request.stream() if has_body else None,
            # The target as it came: a parsed and rebuilt URL would re-encode it.
            extensions={
                "target": target + (b"?" + query if query else b""),
                "timeout": _TIMEOUT.as_dict(),
            },
        )


def _passed_on(headers: RawHeaders) -> RawHeaders:
    # ASGI wants lower-case names.
    return [(name.lower(), value) for name, value in headers if name.lower() not in _HOP_BY_HOP]


async def _elsewhere(_: Request) -> Response:
    return _failure(404, "ROUTE_NOT_FOUND", "Nothing is here; the API begins at /api.")


async def _not_allowed(request: Request, _: Exception) -> Response:
    message = f"{request.method} is not allowed here; try {', '.join(_METHODS)}"
    return _failure(405, "METHOD_NOT_ALLOWED", message, {"Allow": ", ".join(_METHODS)})


def _failure(
    status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> Response:
    body = {"success": False, "message": message, "code": code, "requestId": str(uuid4())}
    return JSONResponse(body, status, SECURITY_HEADERS | (headers or {}))
