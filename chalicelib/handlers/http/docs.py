"""Routes of the documentation: the OpenAPI document and the page that shows it (SPEC.md 4)."""

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path

from chalice import Response

from chalicelib.domain.errors import RouteNotFoundError
from chalicelib.handlers.http.api import JSON, Api
from chalicelib.handlers.http.security_headers import SECURITY_HEADERS

HTML = "text/html"

_FOLDER = Path(__file__).with_name("docs_page")

#: What the page is made of; nothing else in its folder is served.
ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "init.js": "text/javascript",
    "page.css": "text/css",
}

#: Nothing from elsewhere and nothing inline; what the style sheet draws comes as `data:`.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

#: The page names each asset by its content, so that one may be kept for good.
_FOR_GOOD = "public, max-age=31536000, immutable"
_ANEW = "no-cache"

_LINK = re.compile(r'"docs/([\w.-]+)"')


def declare(api: Api) -> None:
    """Declare the routes."""

    @cache
    def made() -> str:
        # Imported only here: no other call pays for making the document.
        from chalicelib.handlers.http.openapi.document import text  # noqa: PLC0415 - the cold path

        return text(api.routes)

    @api.page("/openapi.json", summary="This document", media_type=JSON)
    def document(_: Mapping[str, str]) -> Response:
        return _page(made(), JSON, _ANEW)

    @api.page("/docs", summary="A page that shows this document", media_type=HTML)
    def page(_: Mapping[str, str]) -> Response:
        return _page(_index(), HTML, _ANEW)

    @api.page("/docs/{asset}", summary="What the page is made of", media_type="text/*")
    def asset(path: Mapping[str, str]) -> Response:
        media_type = ASSETS.get(path["asset"])
        if media_type is None:
            raise RouteNotFoundError("Nothing is served at this path")
        return _page(_read(path["asset"]), media_type, _FOR_GOOD)


@cache
def _index() -> str:
    return _LINK.sub(lambda found: f'"docs/{found[1]}?v={_version(found[1])}"', _read("index.html"))


def _version(name: str) -> str:
    return hashlib.sha256(_read(name).encode()).hexdigest()[:12]


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _page(text: str, media_type: str, cache_control: str) -> Response:
    return Response(
        body=text,
        status_code=HTTPStatus.OK,
        headers={
            **SECURITY_HEADERS,
            "Content-Type": media_type if media_type == JSON else f"{media_type}; charset=utf-8",
            "Cache-Control": cache_control,
            "Content-Security-Policy": _POLICY,
        },
    )
