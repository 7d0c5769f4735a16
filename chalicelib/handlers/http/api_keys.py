"""Routes of API keys, for SuperAdmins (SPEC.md 1)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from chalicelib import bootstrap
from chalicelib.domain.access import Actor
from chalicelib.domain.api_keys import ApiKey, Moment, NewApiKey
from chalicelib.domain.errors import ApiKeyNotFoundError, FieldError
from chalicelib.handlers.http.answers import ManyOf, Shown
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call
from chalicelib.usecases import api_keys as usecase

#: A key as its creation shows it: with itself, this once; a replayed answer has null there.
NEW_API_KEY = Shown("CreatedApiKey", ApiKey, more={"key": str | None})


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "POST",
        "/api-keys",
        takes=NewApiKey,
        also=_expiry_too,
        status=HTTPStatus.CREATED,
        summary="Make an API key; it is shown this once",
        message="API key created; it is shown this once",
        gives=NEW_API_KEY,
    )
    def create(call: Call[NewApiKey]) -> Answer:
        key, text = usecase.create(
            call.body,
            by=call.actor,
            at=call.at,
            keys=bootstrap.api_keys(),
            # The key itself is kept nowhere, and so not in the receipt either.
            receipt=call.receipt(lambda kept: Answer(NEW_API_KEY.of(kept, key=None))),
        )
        return Answer(NEW_API_KEY.of(key, key=text))

    @api.route(
        "GET",
        "/api-keys",
        summary="All API keys, newest first, revoked and expired ones too",
        message="API keys retrieved successfully",
        gives=ManyOf(ApiKey),
    )
    def list_all(call: Call) -> Answer:
        keys = usecase.list_all(by=call.actor, keys=bootstrap.api_keys())
        return Answer([key.model_dump() for key in keys])

    @api.route(
        "GET",
        "/api-keys/{id}",
        summary="One API key, without the key itself",
        message="API key retrieved successfully",
        gives=ApiKey,
        raises=(ApiKeyNotFoundError,),
    )
    def view(call: Call) -> Answer:
        key = usecase.view(call.path["id"], by=call.actor, keys=bootstrap.api_keys())
        return Answer(key.model_dump())

    @api.route(
        "DELETE",
        "/api-keys/{id}",
        summary="Revoke an API key, at once and for good",
        message="API key revoked",
        gives=ApiKey,
        raises=(ApiKeyNotFoundError,),
    )
    def revoke(call: Call) -> Answer:
        key = usecase.revoke(
            call.path["id"],
            by=call.actor,
            at=call.at,
            keys=bootstrap.api_keys(),
        )
        return Answer(key.model_dump())


def _expiry_too(_: Actor, good: Mapping[str, Any]) -> tuple[FieldError, ...]:
    moment = TypeAdapter(Moment | None).validate_python(good.get("expiresAt"))
    return usecase.judge_expiry(moment, at=bootstrap.now())
