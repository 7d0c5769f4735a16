"""Who calls the deployed stack in the tests, and how they do it."""

from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx

from infra.local import RunningStack

_numbers = count(1)


@dataclass
class Person:
    """Somebody with a token, and each answer's status checked in the line that asks."""

    http: httpx.Client
    token: str
    sub: str
    email: str

    def call(self, method: str, path: str, body: object = None, *, expect: int) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.token}"}
        answer = self.http.request(method, path, json=body, headers=headers)
        assert answer.status_code == expect, answer.text
        told: dict[str, Any] = answer.json()
        assert told["success"] is (expect < 400)
        return told

    def post(self, path: str, body: object = None, *, expect: int = 200) -> dict[str, Any]:
        return self.call("POST", path, body, expect=expect)

    def get(self, path: str, *, expect: int = 200) -> dict[str, Any]:
        return self.call("GET", path, expect=expect)


@dataclass
class People:
    """New people of any role: nobody meets the limits or requests of another test."""

    stack: RunningStack
    http: httpx.Client

    def new(self, role: str) -> Person:
        """Return a person nobody has seen before."""
        sub = f"u-{next(_numbers)}"
        email = f"{sub}@example.com"
        token = self.stack.token(role, sub=sub, name=sub, email=email)
        return Person(self.http, token, sub, email)


def draft(clerk: Person, *, department: str, amount: float = 52500) -> int:
    """Return the id of a new draft."""
    body = {"department": department, "amountRequested": amount, "purpose": "Laptops for the team"}
    return int(clerk.post("/budget-requests", body, expect=201)["data"]["id"])


def waiting(clerk: Person, *, department: str, amount: float = 52500) -> int:
    """Return the id of a request that waits for review."""
    request_id = draft(clerk, department=department, amount=amount)
    clerk.post(f"/budget-requests/{request_id}/submit")
    return request_id
