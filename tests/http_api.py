"""The API as a client sees it: tokens, JSON out, the envelope back."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from chalice.test import Client

from app import app

JWT_SECRET = "the-secret-of-hr-auth-as-the-tests-know-it"


def claims(role: str = "Finance Clerk", **more: object) -> dict[str, Any]:
    """Return the claims of a good token; its bearer is who `factories.actor(role)` is."""
    now = datetime.now(UTC)
    name = role.lower()
    return {
        "sub": f"u-{name.replace(' ', '-')}",
        "username": f"{role} Name",
        "role": role,
        "email": f"{name.replace(' ', '.')}@example.com",
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(hours=1)).timestamp()),
    } | more


def token(role: str = "Finance Clerk", **more: object) -> str:
    """Return a token that HR Auth would have issued."""
    return jwt.encode(claims(role, **more), JWT_SECRET, algorithm="HS256")


def concrete(path: str) -> str:
    """Return a declared path with 1 for each of its parameters."""
    return re.sub(r"{\w+}", "1", path)


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    headers: dict[str, str]
    json: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        """The data of a success."""
        assert self.json["success"] is True, self.json
        data: dict[str, Any] = self.json["data"]
        return data

    @property
    def code(self) -> str:
        """The code of a failure, whose envelope is checked on the way."""
        assert self.json["success"] is False, self.json
        assert self.json.keys() - {"errors"} == {"success", "message", "code", "requestId"}
        assert isinstance(self.json["message"], str)
        return str(self.json["code"])

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong, by field."""
        return {error["field"]: error["message"] for error in self.json["errors"]}


class Api:
    """The deployed app through Chalice's test client."""

    def __init__(self) -> None:
        self._client = Client(app, project_dir=str(Path(__file__).parents[1]))

    def call(
        self,
        method: str,
        path: str,
        *,
        role: str | None = None,
        token: str | None = None,
        body: object = None,
        raw: bytes = b"",
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Call as `role`, or with `token`, or as nobody."""
        headers = {"Host": "api.example.com"} | (headers or {})
        bearer = _token_for(role) if role else token
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        sent = json.dumps(body).encode() if body is not None else raw
        if sent:
            headers["Content-Type"] = content_type
        answer = self._client.http.request(method, path, headers=headers, body=sent)
        assert answer.headers["Content-Type"] == "application/json"
        return Reply(answer.status_code, answer.headers, json.loads(answer.body))

    def get(self, path: str, role: str | None = None) -> Reply:
        """Read."""
        return self.call("GET", path, role=role)

    def post(self, path: str, role: str | None = None, body: object = None) -> Reply:
        """Write."""
        return self.call("POST", path, role=role, body=body)

    def draft(self, role: str = "Finance Clerk", **fields: object) -> int:
        """Create a draft and return its id."""
        body = {
            "department": "finance",
            "amountRequested": 50000,
            "purpose": "New laptops for the audit team",
        } | fields
        reply = self.post("/budget-requests", role, body)
        assert reply.status == 201, reply.json
        return int(reply.data["id"])

    def waiting(self, role: str = "Finance Clerk", **fields: object) -> int:
        """Create a request, submit it, and return its id."""
        request_id = self.draft(role, **fields)
        reply = self.post(f"/budget-requests/{request_id}/submit", role)
        assert reply.status == 200, reply.json
        return request_id


def _token_for(role: str) -> str:
    return token(role)
