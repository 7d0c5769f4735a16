"""Stand-ins for Finance Main, Audit Logs and a webhook receiver: they keep what they received."""

import asyncio
import base64
import json
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from infra.standin_budgets import DepartmentBudget, DepartmentBudgets, UnknownBudgetError

KEPT = 10_000
API_KEY_HEADER = "x-api-key"


class _CamelModel(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )


class Behaviour(_CamelModel):
    """What a stand-in does instead of its job; the default does the job."""

    status: int | None = Field(default=None, ge=100, le=599)
    delay_seconds: float = Field(default=0, ge=0, le=120)
    redirect_to: str | None = None
    retry_after: str | None = None
    times: int | None = Field(default=None, ge=1)
    """For how many calls this holds; then the stand-in does its job again. None: for good."""

    def refusal(self) -> Response | None:
        """Return the answer given instead of the real one, if any."""
        headers: dict[str, str] = {}
        if self.redirect_to is not None:
            headers["location"] = self.redirect_to
        if self.retry_after is not None:
            headers["retry-after"] = self.retry_after
        if self.status is None and not headers:
            return None
        status = self.status or (302 if self.redirect_to else 503)
        return JSONResponse({"message": "The stand-in was told to answer this."}, status, headers)


class Received(_CamelModel):
    """One call as it came in, and how it was answered."""

    at: datetime
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body_base64: str
    answered: int
    replayed: bool = False
    """True when the Idempotency-Key had been seen, so that nothing was done again."""

    @property
    def accepted(self) -> bool:
        """Whether the stand-in did what was asked."""
        return HTTPStatus.OK <= self.answered < HTTPStatus.MULTIPLE_CHOICES

    @property
    def body(self) -> bytes:
        """The body's bytes as they were sent."""
        return base64.b64decode(self.body_base64)

    def for_people(self) -> str:
        """Return the call as a line of JSON with a readable body and without the key."""
        shown = self.model_dump(mode="json", by_alias=True, exclude={"body_base64"})
        shown["headers"] = {k: v for k, v in self.headers.items() if k != API_KEY_HEADER}
        shown["body"] = self.body.decode(errors="replace")
        return json.dumps(shown, ensure_ascii=False)

    def json_body(self) -> Any:  # noqa: ANN401 - JSON is whatever was sent
        """Parse the body."""
        return json.loads(self.body)


Answer = Callable[[Request, bytes], Awaitable[Response]]


class StandIn:
    """One service that plays a partner: keeps its calls and can be told to misbehave."""

    def __init__(self, name: str, routes: list[tuple[str, str, Answer]]) -> None:
        self.name = name
        self.behaviour = Behaviour()
        self._received: deque[Received] = deque(maxlen=KEPT)
        served = [
            Route(path, self._recorded(answer), methods=[method]) for method, path, answer in routes
        ]
        self.app = Starlette(routes=[Mount("/_standin", routes=self.admin_routes()), *served])

    def admin_routes(self) -> list[BaseRoute]:
        """Return the routes by which tests and people look at it and steer it."""
        return [
            Route("/received", self._get_received, methods=["GET"]),
            Route("/received", self._delete_received, methods=["DELETE"]),
            Route("/behaviour", self._get_behaviour, methods=["GET"]),
            Route("/behaviour", self._put_behaviour, methods=["PUT"]),
        ]

    def _recorded(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            at = datetime.now(UTC)
            body = await request.body()
            behaviour = self._next_behaviour()
            response = behaviour.refusal() or await answer(request, body)
            self._received.append(
                Received(
                    at=at,
                    method=request.method,
                    path=request.url.path,
                    query=request.url.query,
                    headers=dict(request.headers),
                    body_base64=base64.b64encode(body).decode(),
                    answered=response.status_code,
                    replayed="idempotent-replayed" in response.headers,
                )
            )
            # The work is done before the wait: a caller that gives up has still been heard.
            await asyncio.sleep(behaviour.delay_seconds)
            return response

        return endpoint

    def _next_behaviour(self) -> Behaviour:
        behaviour = self.behaviour
        if behaviour.times is not None:
            left = behaviour.times - 1
            self.behaviour = behaviour.model_copy(update={"times": left}) if left else Behaviour()
        return behaviour

    async def _get_received(self, _: Request) -> Response:
        calls = [call.model_dump(mode="json", by_alias=True) for call in self._received]
        return JSONResponse({"received": calls})

    async def _delete_received(self, _: Request) -> Response:
        self._received.clear()
        return Response(status_code=204)

    async def _get_behaviour(self, _: Request) -> Response:
        return JSONResponse(self.behaviour.model_dump(mode="json", by_alias=True))

    async def _put_behaviour(self, request: Request) -> Response:
        try:
            self.behaviour = Behaviour.model_validate_json(await request.body())
        except ValidationError as error:
            return refused(error)
        return await self._get_behaviour(request)


class Finance(StandIn):
    """Finance Main: budgets to read, money to reserve and release, each key once."""

    def __init__(self, api_key: str) -> None:
        self.api_keys = frozenset({api_key})
        self.budgets = DepartmentBudgets()
        self._answers: dict[str, bytes] = {}
        super().__init__(
            "finance",
            [
                ("GET", "/api/budgets/{department}/{year:int}/{period}", self._get_budget),
                ("POST", "/api/budgets/reserve", self._reserve),
                ("POST", "/api/budgets/release", self._release),
            ],
        )

    def admin_routes(self) -> list[BaseRoute]:
        """Return the usual routes, and one to set a budget's figures."""
        return [*super().admin_routes(), Route("/budgets", self._put_budgets, methods=["PUT"])]

    async def _get_budget(self, request: Request, _: bytes) -> Response:
        if not _authorised(request, self.api_keys):
            return _unauthorised()
        path = request.path_params
        try:
            budget = self.budgets.find(path["department"], path["year"], path["period"])
        except UnknownBudgetError as error:
            return JSONResponse({"message": str(error)}, 404)
        return JSONResponse({"data": budget.figures()})

    async def _reserve(self, request: Request, body: bytes) -> Response:
        return self._move(request, body, sign=1)

    async def _release(self, request: Request, body: bytes) -> Response:
        return self._move(request, body, sign=-1)

    def _move(self, request: Request, body: bytes, *, sign: int) -> Response:
        if not _authorised(request, self.api_keys):
            return _unauthorised()
        key = f"{request.url.path} {request.headers.get('idempotency-key', '')}"
        if key in self._answers:
            return Response(
                self._answers[key],
                headers={"idempotent-replayed": "true"},
                media_type="application/json",
            )
        try:
            budget = self.budgets.move(body, sign=sign)
        except UnknownBudgetError as error:
            return JSONResponse({"message": str(error)}, 404)
        except ValidationError as error:
            return refused(error)
        response = JSONResponse({"data": budget.figures()})
        if "idempotency-key" in request.headers:
            self._answers[key] = bytes(response.body)
        return response

    async def _put_budgets(self, request: Request) -> Response:
        try:
            budget = DepartmentBudget.model_validate_json(await request.body())
        except ValidationError as error:
            return refused(error)
        self.budgets.put(budget)
        return JSONResponse({"data": budget.figures()})


class Audit(StandIn):
    """Audit Logs: takes entries."""

    def __init__(self, api_key: str) -> None:
        self.api_keys = frozenset({api_key})
        super().__init__("audit", [("POST", "/api/audit-logs", self._take)])

    async def _take(self, request: Request, body: bytes) -> Response:
        if not _authorised(request, self.api_keys):
            return _unauthorised()
        try:
            json.loads(body)
        except ValueError:
            return JSONResponse({"message": "The body is not JSON."}, 400)
        return JSONResponse({"success": True}, 201)


class Receiver(StandIn):
    """A webhook receiver: takes whatever is posted, wherever."""

    def __init__(self) -> None:
        super().__init__("receiver", [("POST", "/{path:path}", self._take)])

    async def _take(self, _: Request, __: bytes) -> Response:
        return Response(status_code=204)


def refused(error: ValidationError) -> Response:
    """Say what was wrong with an admin call or a body."""
    problems = [
        f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}"
        for problem in error.errors()
    ]
    return JSONResponse({"message": "; ".join(problems)}, 400)


def _authorised(request: Request, api_keys: frozenset[str]) -> bool:
    return request.headers.get(API_KEY_HEADER) in api_keys


def _unauthorised() -> Response:
    return JSONResponse({"message": "The x-api-key is missing or wrong."}, 401)
