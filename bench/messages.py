"""What the workers are given here: the sample events, made so that a stack believes and does them.

A stack makes up the keys that its messages are sealed and signed with. With those of the samples
workers would only refuse them.
"""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from chalicelib.domain.access import DEPARTMENTS
from chalicelib.domain.bus_keys import Command
from chalicelib.domain.signing import SEAL, seal, sign_data
from infra import bus_keys, place
from infra.local import RunningStack
from infra.paths import ROOT
from infra.place import Place
from infra.secret_names import SecretName

#: Each worker's sample. Of jobs, one that asks nobody but the tables; of partners' commands, the
#: one that makes a request.
SAMPLES = {
    "relay": "relay.json",
    "webhooks": "webhooks.json",
    "audit": "audit.json",
    "notifications": "notifications.json",
    "finance": "finance.json",
    "jobs": "jobs.json",
    "inbound": "inbound-purchase-request-approved.json",
}
_SAMPLE_JOB, _JOB = "finance-sync", "sla-check"
_SAMPLE_RUN = "00000000-0000-4000-8000-000000000003"
#: The request of the samples, and what stands before a number of its own for each worker: none
#: may have heard of it, and the relay tells the workers of the stack.
_SAMPLE_ID, _OWN_ID = "20260000001", "202600007"

Event = dict[str, Any]


def given(stack: RunningStack) -> dict[str, Event]:
    """Return the batch of each worker, after what it takes to be done on the stack."""
    there = place.of_local(stack)
    with stack.http(_root(stack)) as http:
        hook = {"url": f"{stack.receiver.url}/bench", "events": ["*"]}
        http.post("/webhooks", json=hook).raise_for_status()
        # What the samples' hold is taken from.
        http.get("/budgets/finance?fiscalYear=2026&fiscalPeriod=Q1").raise_for_status()
    return {name: _batch(name, n, there, about=_made(stack)) for n, name in enumerate(SAMPLES)}


def _root(stack: RunningStack) -> str:
    return stack.token("SuperAdmin", sub="u-root", name="root")


def _made(stack: RunningStack) -> int:
    """Return the id of a new request, of which mails can be sent."""
    clerk = stack.token("Finance Clerk", sub="u-clerk", name="clerk", email="clerk@example.com")
    new = {"department": "finance", "amountRequested": 10, "purpose": "A small thing for a desk"}
    with stack.http(clerk) as http:
        made = http.post("/budget-requests", json=new).raise_for_status()
    return int(made.json()["data"]["id"])


def _batch(name: str, number: int, there: Place, *, about: int) -> Event:
    text = (ROOT / "events" / SAMPLES[name]).read_text()
    text = text.replace(_SAMPLE_ID, f"{_OWN_ID}{number:02}").replace(_SAMPLE_RUN, str(uuid4()))
    batch: Event = json.loads(text.replace(_SAMPLE_JOB, _JOB))
    if name == "relay":
        return batch
    for record in batch["Records"]:
        body = json.loads(record["body"])
        if name == "inbound":
            body["detail"] = _signed(body["detail"], there)
            sent = datetime.now(UTC).timestamp() * 1000
            record["attributes"]["SentTimestamp"] = str(int(sent))
        elif SEAL in body.get("detail", {}):
            key = there.secret(SecretName.BUS_SEAL_KEY).read().encode()
            if "data" in body["detail"]:
                body["detail"]["data"]["budgetRequestId"] = about
            body["detail"][SEAL] = seal(key, body["detail"])
        record["body"] = json.dumps(body)
    return batch


def _signed(message: Event, there: Place) -> Event:
    """Return a partner's message as a partner with a key sends it now."""
    now = datetime.now(UTC)
    key, secret = bus_keys.create(
        there,
        source=message["source"],
        types=[Command.PURCHASE_REQUEST_APPROVED],
        departments=list(DEPARTMENTS),
        expires=None,
    )
    message |= {"time": now.isoformat(), "keyId": key.key_id}
    signature = sign_data(secret.encode(), message["id"], now, message["data"])
    return message | {"signature": signature}
