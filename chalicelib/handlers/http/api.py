"""The edge of HTTP: declares routes, and wraps each view from the bare call to the envelope.

Chalice turns exceptions into its own answers before any middleware sees them, so the view itself
is wrapped. A view has about three lines: it hands a Call to a use case and presents what it gave.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from importlib import import_module
from time import perf_counter
from typing import Any

from chalice import Blueprint, Response
from chalice.app import Request
from pydantic.alias_generators import to_snake

from chalicelib import bootstrap
from chalicelib.domain import access
from chalicelib.domain.access import Actor, Scope
from chalicelib.domain.errors import (
    BudgetRequestsError,
    ConfigurationError,
    FieldError,
    MethodNotAllowedError,
    RouteNotFoundError,
)
from chalicelib.domain.idempotency import Receipt, fingerprint
from chalicelib.domain.model import Value
from chalicelib.handlers.http import (
    authentication,
    body,
    envelope,
    hit_rate,
    idempotency,
    query,
    rate_limit,
)
from chalicelib.handlers.http.answers import Gives
from chalicelib.handlers.http.call import Answer, Body, Call, Nothing, Query
from chalicelib.handlers.http.faults import Faults
from chalicelib.handlers.http.security_headers import SECURITY_HEADERS
from chalicelib.observability import (
    CORRELATION_HEADER,
    Metric,
    correlated,
    correlation_id,
    logger,
    measure,
)

#: Every method that gets an answer of ours; what a path does not serve is refused with 405.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")

JSON = "application/json"

#: How long a browser may keep the answer to a preflight.
PREFLIGHT_SECONDS = 600

_ALLOWED_HEADERS = (
    f"Authorization, Content-Type, Idempotency-Key, If-Match, x-api-key, {CORRELATION_HEADER}"
)
_EXPOSED_HEADERS = (
    "ETag, Idempotent-Replayed, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After,"
    f" {CORRELATION_HEADER}"
)


@dataclass(frozen=True)
class Route:
    """One declared route, as the OpenAPI document and the tests see it."""

    method: str
    path: str
    name: str
    module: str
    message: str
    is_open: bool
    body: type[Value] = Nothing
    query: type[Value] = Nothing
    status: HTTPStatus = HTTPStatus.OK
    summary: str = ""
    gives: Gives | None = None
    meta: type[Value] | None = None
    raises: tuple[type[BudgetRequestsError], ...] = ()
    etag: bool = False
    may_be_cached: bool = False
    is_page: bool = False
    scope: Scope | None = None
    is_creation: bool = False
    media_type: str = JSON


#: What answers a route, given the path's parameters and the call's id.
_Serve = Callable[[Mapping[str, str], str], Response]


class Api:
    """Routes declared on a Chalice blueprint, each answered in the envelope.

    `modules` names what each module beside this one declares, as `GET /path`. Chalice knows the
    paths from the start; a module is imported when one of its routes is called.
    """

    def __init__(self, blueprint: Blueprint, modules: Mapping[str, tuple[str, ...]]) -> None:
        self._blueprint = blueprint
        self._module_of = {name: module for module, names in modules.items() for name in names}
        self._routes: dict[str, Route] = {}
        self._served: dict[str, _Serve] = {}
        paths: dict[str, list[str]] = {}
        for name in self._module_of:
            method, path = name.split()
            paths.setdefault(path, []).append(method)
        for path, served in paths.items():
            self._answer(path, tuple(served))
        for unknown in ("/", "/{unknown+}"):
            self._answer(unknown, ())

    @property
    def routes(self) -> list[Route]:
        """Every route; what no call has needed so far is declared by that."""
        for name in self._module_of:
            self._serve(name)
        return [self._routes[name] for name in self._module_of]

    def route(
        self,
        method: str,
        path: str,
        *,
        message: str,
        takes: type[Body] = Nothing,  # type: ignore[assignment]  # the type variable's own default
        also: Callable[[Actor, Mapping[str, Any]], tuple[FieldError, ...]] | None = None,
        asks: type[Query] = Nothing,  # type: ignore[assignment]  # the type variable's own default
        status: HTTPStatus = HTTPStatus.OK,
        scope: Scope | None = None,
        is_creation: bool = False,
        acts_first: bool = False,
        summary: str = "",
        gives: Gives | None = None,
        meta: type[Value] | None = None,
        raises: tuple[type[BudgetRequestsError], ...] = (),
        etag: bool = False,
        may_be_cached: bool = False,
    ) -> Callable[[Callable[[Call[Body, Query]], Answer]], Callable[[Call[Body, Query]], Answer]]:
        """Declare a view for callers who prove who they are.

        `path` names its parameters as clients see them (`{itemId}`); views get them as `item_id`.
        `takes` is the body's model, `asks` the query's. Where the model finds fault, `also` says
        what the use case would find in the fields that are good, so that all is told at once.
        `scope` lets API keys that have it call as well; `is_creation` counts the call against the
        limit of creations; `acts_first` that it has effects before its receipt is kept, so that
        two calls with one key must not run at once. The rest is for the OpenAPI document: `gives`
        and `meta` are what the answer holds, `raises` the errors of this verb (those of every call
        are known), `etag` that the answer names the request's version, `may_be_cached` that it may
        come from a cache.
        """

        def declare(
            view: Callable[[Call[Body, Query]], Answer],
        ) -> Callable[[Call[Body, Query]], Answer]:
            declared = Route(
                method,
                path,
                view.__name__,
                view.__module__,
                message,
                is_open=False,
                body=takes,
                query=asks,
                status=status,
                summary=summary,
                gives=gives,
                meta=meta,
                raises=raises,
                etag=etag,
                may_be_cached=may_be_cached,
                scope=scope,
                is_creation=is_creation,
            )

            def present(answer: Answer) -> Response:
                return envelope.success(answer, message, status=status)

            def serve(
                actor: Actor,
                at: datetime,
                within_limits: Callable[[], None],
                path_parameters: Mapping[str, str],
                call_id: str,
            ) -> Response:
                request = self._blueprint.current_request
                headers, raw = request.headers, _raw(request)
                if method == "GET" and raw:  # it means nothing there
                    body.refuse_too_large(raw)
                    raw = None
                faults, keyed = Faults(), None
                with faults.collected():
                    keyed = _keyed(request, raw, actor, at)
                replayed = keyed.replay() if keyed else None
                if replayed:  # an answer that was given is no call too many
                    return replayed
                within_limits()
                with faults.collected():
                    asked = query.parse(_query(request), asks)
                with faults.collected():
                    content_type = headers.get("content-type")
                    finder = partial(also, actor) if also else None
                    given_body = body.parse(raw, content_type, takes, also=finder)
                faults.tell()

                def keep(given: Answer) -> Receipt:
                    assert keyed is not None  # noqa: S101 - only handed out with a key
                    return keyed.receipt(present(given), dict(given.headers or {}))

                call = Call(
                    id=call_id,
                    at=at,
                    actor=actor,
                    path=path_parameters,
                    body=given_body,
                    query=asked,
                    if_match=headers.get("if-match"),
                    keep=keep if keyed else None,
                )
                if keyed:
                    run = partial(keyed.run_alone, bootstrap.claims()) if acts_first else keyed.run
                    return run(lambda: present(view(call)))
                given = view(call)
                if given.is_cached is not None:
                    hit_rate.count(is_hit=given.is_cached)
                return present(given)

            def answer(path_parameters: Mapping[str, str], call_id: str) -> Response:
                return self._admitted(
                    declared,
                    call_id,
                    lambda actor, at, within_limits: serve(
                        actor, at, within_limits, path_parameters, call_id
                    ),
                )

            self._register(declared, answer)
            return view

        return declare

    def open_route(
        self,
        method: str,
        path: str,
        *,
        message: str,
        asks: type[Query] = Nothing,  # type: ignore[assignment]  # the type variable's own default
        summary: str = "",
        gives: Gives | None = None,
        raises: tuple[type[BudgetRequestsError], ...] = (),
        may_be_cached: bool = False,
    ) -> Callable[[Callable[[Query], Answer]], Callable[[Query], Answer]]:
        """Declare a view that anyone may call; the arguments are those of `route`."""

        def declare(view: Callable[[Query], Answer]) -> Callable[[Query], Answer]:
            declared = Route(
                method,
                path,
                view.__name__,
                view.__module__,
                message,
                is_open=True,
                query=asks,
                summary=summary,
                gives=gives,
                raises=raises,
                may_be_cached=may_be_cached,
            )

            def answer(*_: object) -> Response:
                asked = query.parse(_query(self._blueprint.current_request), asks)
                return envelope.success(view(asked), message, status=HTTPStatus.OK)

            self._register(declared, answer)
            return view

        return declare

    def page(
        self, path: str, *, summary: str, media_type: str
    ) -> Callable[[Callable[[Mapping[str, str]], Response]], Callable[..., Response]]:
        """Declare what anyone may read outside the envelope: the document and its page."""

        def declare(
            view: Callable[[Mapping[str, str]], Response],
        ) -> Callable[[Mapping[str, str]], Response]:
            declared = Route(
                "GET",
                path,
                view.__name__,
                view.__module__,
                message=summary,
                is_open=True,
                summary=summary,
                is_page=True,
                media_type=media_type,
            )

            def answer(path_parameters: Mapping[str, str], _: str) -> Response:
                asked = str(self._blueprint.current_request.context.get("path"))
                # Its links are relative: at an address that ends in a slash they lead elsewhere.
                if asked.endswith("/") and not path_parameters:
                    return envelope.moved(f"../{path.rpartition('/')[2]}")
                return view(path_parameters)

            self._register(declared, answer)
            return view

        return declare

    def _answer(self, path: str, served: tuple[str, ...]) -> None:
        """Answer whatever comes to a path: its routes, preflights, and other methods."""

        def answer(**parameters: str) -> Response:
            method = str(self._blueprint.current_request.method)
            if method in served:
                return self._handle(method, path, parameters)
            if method == "OPTIONS" and served:
                return self._preflight(served)
            return self._refuse(path, method, served)

        # Content types are judged where bodies are read, so that the refusal has our envelope.
        self._blueprint.route(path, methods=[*METHODS, "OPTIONS"], content_types=[])(answer)

    def _handle(self, method: str, path: str, parameters: Mapping[str, str]) -> Response:
        """Answer a call of a route; whatever goes wrong on the way is told in the envelope."""
        started, call_id = perf_counter(), self._call_id()
        named = {to_snake(name): value for name, value in parameters.items()}
        told = self._blueprint.current_request.headers.get(CORRELATION_HEADER)
        route = f"{method} {path}"
        with correlated(told, call_id):
            # The route's module is imported within the guard: what it raises is an answer as well.
            response = self._guarded(lambda: self._serve(route)(named, call_id), call_id)
            response.headers[CORRELATION_HEADER] = correlation_id() or call_id
            duration_ms = round((perf_counter() - started) * 1000, 1)
            extra = {
                "method": method,
                "route": path,
                "status": response.status_code,
                "duration_ms": duration_ms,
                "call_id": call_id,
            }
            logger().info("answered", extra=extra)
        is_failure = response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        is_refusal = not is_failure and response.status_code >= HTTPStatus.BAD_REQUEST
        measure(
            {
                Metric.CALLS: 1,
                Metric.CALLS_REFUSED: int(is_refusal),
                Metric.CALLS_FAILED: int(is_failure),
                Metric.CALL_LATENCY: duration_ms,
            },
            route=route,
        )
        return self._with_cors(response)

    def _serve(self, name: str) -> _Serve:
        """Return what serves a route, declared by now."""
        if name not in self._served:
            module = import_module(f"{__package__}.{self._module_of[name]}")
            module.declare(self)
        return self._served[name]

    def _refuse(self, path: str, method: str, allowed: tuple[str, ...]) -> Response:
        error = (
            MethodNotAllowedError(method, allowed)
            if allowed
            else RouteNotFoundError("Nothing is served at this path")
        )
        logger().info("refused", extra={"method": method, "route": path, "code": error.code})
        return self._with_cors(envelope.failure(error, self._call_id()))

    def _preflight(self, served: tuple[str, ...]) -> Response:
        response = self._with_cors(Response(body="", status_code=HTTPStatus.NO_CONTENT))
        response.headers |= {
            **SECURITY_HEADERS,
            "Access-Control-Allow-Methods": ", ".join(served),
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        }
        return response

    def _register(self, route: Route, serve: _Serve) -> None:
        name = f"{route.method} {route.path}"
        if name not in self._module_of:
            raise LookupError(f"the map of routes does not name {name}")
        self._routes[name], self._served[name] = route, serve

    def _admitted(
        self,
        route: Route,
        call_id: str,
        serve: Callable[[Actor, datetime, Callable[[], None]], Response],
    ) -> Response:
        """Serve who proved who they are, and tell them what is left of their limits.

        `serve` asks whether the call is within them, unless it has its answer already.
        """
        secrets, at = bootstrap.jwt_secrets(), bootstrap.now()
        actor = authentication.caller_of(self._blueprint.current_request.headers, secrets, at)
        usage = rate_limit.count(actor, at, is_creation=route.is_creation)

        def within_limits() -> None:
            if usage:
                usage.check()

        def admit() -> Response:
            access.may_call(actor, route.scope)
            return serve(actor, at, within_limits)

        response = self._guarded(admit, call_id)
        if usage:  # refusals tell what is left as well
            response.headers |= rate_limit.headers(usage)
        return response

    @staticmethod
    def _guarded(act: Callable[[], Response], call_id: str) -> Response:
        try:
            return act()
        except ConfigurationError as error:
            logger().critical(str(error), extra={"call_id": call_id})
            return envelope.failure(error, call_id)
        except BudgetRequestsError as error:
            return envelope.failure(error, call_id)
        except Exception:  # noqa: BLE001 - logged whole; the caller gets a 500 that leaks nothing
            logger().exception("unexpected", extra={"call_id": call_id})
            return envelope.internal_error(call_id)

    @staticmethod
    def _with_cors(response: Response) -> Response:
        try:
            origin = bootstrap.settings().cors_origin
        except ConfigurationError:
            return response  # already told, by the answer itself
        if origin:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
            response.headers["Vary"] = "Origin"
        return response

    def _call_id(self) -> str:
        return str(self._blueprint.current_request.context.get("requestId", "unknown"))


def _keyed(
    request: Request, raw: bytes | None, actor: Actor, at: datetime
) -> idempotency.KeyedCall | None:
    key = request.headers.get(idempotency.HEADER) if request.method == "POST" else None
    if key is None:
        return None
    named = str(request.context.get("path"))
    print_ = fingerprint(request.method, named, _query(request), body.meaning(raw))
    return idempotency.KeyedCall(bootstrap.receipts(), actor, key, print_, at)


def _query(request: Request) -> dict[str, list[str]]:
    parameters = request.query_params
    return {name: parameters.getlist(name) for name in parameters} if parameters else {}


def _raw(request: Request) -> bytes | None:
    try:
        raw = request.raw_body
        return (raw if isinstance(raw, bytes) else raw.encode()) or None
    except ValueError:
        # Lone surrogates (not encodable) and broken base64: not text anyone can read.
        return b"\xff"
