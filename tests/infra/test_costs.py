"""What is deterministic about speed and price may not get worse: units, round trips, imports.

`make bench` shows them beside their aims, with all that only a measurement can say.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from typing import Any

import pytest
import time_machine

from bench import operations
from bench.capacity import Bill, billed
from bench.script import NEW
from chalicelib import bootstrap
from chalicelib.adapters import tables
from chalicelib.adapters.rows.requests import RequestRow
from chalicelib.domain.budgets import BudgetKey
from chalicelib.usecases.caching import LONG_AGO
from infra.package import Package
from infra.paths import ROOT
from tests import samples
from tests.conftest import Aws
from tests.factories import LATER, bus_key, created, endpoint, figures, finance_said
from tests.handlers.workers import Worker, run
from tests.http_api import Api
from tests.partner import Partner
from tests.spending import PARTNERS, Cost, spending

#: Round trips, write units and read units of an operation, at the most.
CEILINGS = {
    "create": (3, 8, 1),
    "get": (1, 0, 1),
    "get again": (1, 0, 1),
    "update": (3, 7, 2),
    "submit": (2, 8, 1),
    "approve": (2, 12, 1),
    "reject": (2, 9, 1),
    "cancel": (2, 11, 1),
    "list": (2, 0, 2),
    "list again": (1, 0, 1),
}

#: The API, and what its first call imports besides where it is to a request.
FIRST_CALL = "app, chalicelib.handlers.http.requests"

#: Modules that the start of a function imports, at the most: our own, and all there are.
MODULES = {
    "app": (40, 349),
    FIRST_CALL: (56, 367),
    "chalicelib.handlers.relay": (17, 259),
    "chalicelib.handlers.webhooks": (29, 277),
    "chalicelib.handlers.audit": (20, 262),
    "chalicelib.handlers.notifications": (26, 272),
    "chalicelib.handlers.finance": (23, 265),
    "chalicelib.handlers.jobs": (22, 264),
    "chalicelib.handlers.inbound": (45, 293),
}
#: The same with what the first call of a worker imports, and what libraries that may be besides.
MODULES_OF_FIRST_CALLS = {"relay": (27, 419), "audit": (34, 545), "finance": (38, 549)}
OF_AWS = {"certifi", "dateutil", "six", "urllib3"}
OF_PARTNERS = {"charset_normalizer", "cython_runtime", "idna", "requests"}
LIBRARIES_OF_FIRST_CALLS = {
    "relay": OF_AWS,
    "audit": OF_AWS | OF_PARTNERS | {"pynamodb"},
    "finance": OF_AWS | OF_PARTNERS | {"pynamodb"},
}

#: How many modules of Python's own there are to all this is a matter of its version.
COUNTED_ON = (3, 11)

#: The libraries that it imports; the API's also reads tokens. Powertools and PyJWT look for
#: botocore and cryptography, of which the first is quick bare and the second not packed.
LIBRARIES = {
    "annotated_types",
    "aws_lambda_powertools",
    "botocore",
    "chalice",
    "jmespath",
    "nh3",
    "pydantic",
    "pydantic_core",
    "rfc8785",
    "typing_extensions",
    "typing_inspection",
}
OF_THE_API = {"app", "cryptography", "jwt"}

#: The deployment zip, the same for all functions.
ZIP_BYTES = 7_400_000

#: Prints what an act imports, and nothing that was there before.
IMPORTED = """
import json, sys
before = {*sys.modules}
ACT
print(json.dumps(sorted({*sys.modules} - before)))
"""
FIRST_CALL_OF_A_WORKER = """
from chalicelib.handlers.NAME import NAME
answer = NAME(json.load(sys.stdin), None)
assert not (answer or {}).get("batchItemFailures"), answer
"""

#: A moment that all samples can be worked on, in a quarter that does not end soon.
NOW = LATER + timedelta(seconds=2)

CLERK, ADMIN = "Finance Clerk", "Finance Admin"
#: The request that is measured, in the lists by supplier and by link as well.
LISTED = NEW | {
    "linkedPurchaseRequestId": "PR-77",
    "items": [item | {"supplierId": "s-1"} for item in NEW["items"]],
}

#: What a call over HTTP costs at the most. Each is counted for its limit; a view is told to Audit.
OVER_HTTP = {
    "create": Cost({"dynamodb": 4}, writes=9, reads=1),
    "create, in all lists": Cost({"dynamodb": 4}, writes=13, reads=1),
    "get": Cost({"dynamodb": 2, "sqs": 1}, writes=1, reads=1),
    "get again": Cost({"dynamodb": 2, "sqs": 1}, writes=1, reads=1),
    "update": Cost({"dynamodb": 4}, writes=8, reads=2),
    "submit": Cost({"dynamodb": 3}, writes=9, reads=1),
    "approve": Cost({"dynamodb": 3}, writes=13, reads=1),
    "cancel": Cost({"dynamodb": 3}, writes=12, reads=1),
    "reject": Cost({"dynamodb": 3}, writes=10, reads=1),
    "list": Cost({"dynamodb": 3}, writes=1, reads=1.5),
    "list again": Cost({"dynamodb": 2}, writes=1, reads=1),
}

#: What a worker's sample costs at the most; each of events/ named after its worker but these.
OF_WORKERS = {
    "relay": Cost({"dynamodb": 3, "events": 3}, writes=3),
    "webhooks": Cost({"dynamodb": 2, "sqs": 1}, writes=1, reads=1),
    "audit": Cost({"dynamodb": 4, PARTNERS: 2}, writes=4),
    "notifications": Cost({"dynamodb": 8, "ses": 3}, writes=6, reads=2),
    "finance": Cost({"dynamodb": 4, PARTNERS: 1}, writes=10),
    "jobs": Cost({"dynamodb": 54, PARTNERS: 8}, writes=76, reads=18),
    "inbound": Cost({"dynamodb": 4}, writes=12, reads=3),
}
SAMPLES = {"inbound": "inbound-consumed.json"}
#: What the worker of webhooks does next, when the message comes that it sent itself.
A_DELIVERY = Cost({"dynamodb": 5, PARTNERS: 1}, writes=2, reads=3)


@pytest.fixture
def bills(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> dict[str, Bill]:  # noqa: ARG001 - the tables
    """What each operation asked of DynamoDB."""
    monkeypatch.setenv("FINANCE_API_URL", "http://127.0.0.1:9")  # nobody: it need not be asked
    now = datetime.now(UTC)
    key = BudgetKey.of("hr", bootstrap.calendar().quarter_of(now))
    finance_said(bootstrap.budgets(), figures(), key=key, at=now)
    return operations.measure()


@pytest.mark.usefixtures("aws")
def test_a_query_that_leaves_out_what_it_reads_is_billed_for_it() -> None:
    bootstrap.requests()
    row = {"pk": {"S": "long"}, "sk": {"S": "1"}, "text": {"S": "x" * 9000}}
    asked = {
        "TableName": RequestRow.Meta.table_name,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "long"}},
        "ConsistentRead": True,
    }
    client = tables.client()
    client.put_item(TableName=RequestRow.Meta.table_name, Item=row)

    with billed(Bill(), client) as bill:
        client.query(**asked, ProjectionExpression="sk")

    assert bill.read_units == 3


def test_no_operation_asks_more_of_the_tables_than_its_ceiling(bills: dict[str, Bill]) -> None:
    found = {n: (b.round_trips, b.write_units, b.read_units) for n, b in bills.items()}

    assert found.keys() == CEILINGS.keys() == operations.AIMS.keys()
    over = {
        name: (costs, CEILINGS[name])
        for name, costs in found.items()
        if any(cost > ceiling for cost, ceiling in zip(costs, CEILINGS[name], strict=True))
    }
    assert not over, "what it costs, and its ceiling"


@pytest.fixture
def clock(environment: dict[str, str]) -> Iterator[time_machine.Traveller]:  # noqa: ARG001 - nothing is known yet
    """The clock, which stands still."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def test_no_call_over_http_costs_more_than_its_ceiling(
    clock: time_machine.Traveller, api: Api, finance: Partner
) -> None:
    found: dict[str, Cost] = {}
    with spending(finance) as spent:

        def call(
            name: str, role: str, path: str = "", body: object = None, *, method: str = "POST"
        ) -> Any:  # noqa: ANN401 - any JSON
            spent.taken()
            reply = api.call(method, f"/budget-requests{path}", role=role, body=body)
            found[name] = spent.taken()
            return reply.data

        api.draft(CLERK)  # Finance is asked once, now
        path = f"/{call('create', CLERK, body=NEW)['id']}"
        call("create, in all lists", CLERK, body=LISTED)
        call("get", CLERK, path, method="GET")
        call("get again", CLERK, path, method="GET")
        call("update", CLERK, path, {"purpose": "Newer laptops for the audit team"}, method="PUT")
        call("submit", CLERK, f"{path}/submit")
        call("approve", ADMIN, f"{path}/approve", {"bufferPercentage": 5})
        call("cancel", CLERK, f"{path}/cancel")
        rejection = {"reviewNotes": "Not this quarter"}
        call("reject", ADMIN, f"/{api.waiting(CLERK)}/reject", rejection)
        clock.shift(LONG_AGO)  # so that a page may be remembered
        bootstrap.hit_meter().keep()  # which a call does once in a while, and this one not
        call("list", ADMIN, method="GET")
        call("list again", ADMIN, method="GET")

    assert found.keys() == OVER_HTTP.keys()
    assert not over(found, OVER_HTTP), "what it costs, and its ceiling"


def over(found: Mapping[str, Cost], ceilings: Mapping[str, Cost]) -> dict[str, tuple[Cost, Cost]]:
    """Return what is over its ceiling, with both."""
    return {
        name: (cost, ceilings[name]) for name, cost in found.items() if cost.is_over(ceilings[name])
    }


@pytest.fixture
def subscriber(aws: Aws, partner: Partner) -> Partner:  # noqa: ARG001 - where it is kept
    """Somebody who wants to hear of everything."""
    bootstrap.subscriptions().add(
        endpoint(f"{partner.url}/hook", created_at=NOW),
        audit=samples.story()[0].audit,  # whatever it says
    )
    return partner


@pytest.mark.usefixtures("clock")
def test_no_worker_costs_more_than_its_ceiling(
    aws: Aws, finance: Partner, audit_logs: Partner, subscriber: Partner
) -> None:
    samples.keep_story()
    bootstrap.bus_keys().add(bus_key(), audit=created().audit)
    found: dict[str, Cost] = {}
    with spending(finance, audit_logs, subscriber) as spent:
        for name in OF_WORKERS:
            answer = worker(name)(samples.read(SAMPLES.get(name, f"{name}.json")), None)
            assert answer is None or not answer["batchItemFailures"]
            found[name] = spent.taken()
        (order,) = aws.ordered()
        spent.taken()
        assert not run(worker("webhooks"), samples.record("webhooks", order, 1))
        delivery = spent.taken()

    assert not over(found, OF_WORKERS), "what it costs, and its ceiling"
    idle = {
        name for name, cost in found.items() if cost.calls.keys() != OF_WORKERS[name].calls.keys()
    }
    assert not idle, "whose sample is not worked on"
    assert not delivery.is_over(A_DELIVERY), delivery


def worker(name: str) -> Worker:
    """Return a worker by its name."""
    found: Worker = getattr(import_module(f"chalicelib.handlers.{name}"), name)
    return found


@cache
def imported(act: str, given: str = "") -> tuple[str, ...]:
    """Return the modules that an act imports in a process of its own."""
    done = subprocess.run(  # noqa: S603 - this interpreter, on the texts of this module
        [sys.executable, "-c", IMPORTED.replace("ACT", act)],
        cwd=ROOT,
        env=os.environ | {"AWS_LAMBDA_FUNCTION_NAME": "any"},
        input=given,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return tuple(json.loads(done.stdout.splitlines()[-1]))  # a call logs before that


def foreign(modules: tuple[str, ...], *known: str) -> set[str]:
    """Return the libraries among modules that are neither Python's nor known."""
    tops = {name.partition(".")[0] for name in modules}
    tops -= {"chalicelib", *sys.stdlib_module_names, *LIBRARIES, *known}
    return {name for name in tops if not name.startswith("_")}


def own(modules: tuple[str, ...]) -> list[str]:
    """Return those of the modules that are our own."""
    return [name for name in modules if name.partition(".")[0] == "chalicelib"]


@pytest.mark.parametrize("module", MODULES)
def test_the_start_of_a_function_imports_what_it_needs(module: str) -> None:
    found = imported(f"import {module}")

    most, _ = MODULES[module]
    assert len(own(found)) <= most, own(found)
    assert not foreign(found, *(OF_THE_API if module.startswith("app") else ()))


@pytest.mark.skipif(sys.version_info[:2] != COUNTED_ON, reason="counted on another Python")
@pytest.mark.parametrize("module", MODULES)
def test_the_start_of_a_function_imports_no_more_of_others_than_it_did(module: str) -> None:
    _, most = MODULES[module]
    assert len(imported(f"import {module}")) <= most, imported(f"import {module}")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", MODULES_OF_FIRST_CALLS)
def test_the_first_call_of_a_worker_imports_what_it_needs(
    name: str, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One partner is all of AWS, Finance and Audit: each finds in this what it looks for.
    told = [{"EventId": "1"}, {"EventId": "2"}]
    partner.says({"FailedEntryCount": 0, "Entries": told, "UnprocessedItems": {}})
    for variable in ("AWS_ENDPOINT_URL", "FINANCE_API_URL", "AUDIT_LOGS_API_URL", "QUEUE_URL"):
        monkeypatch.setenv(variable, partner.url)

    act = FIRST_CALL_OF_A_WORKER.replace("NAME", name)
    found = imported(act, json.dumps(samples.read(f"{name}.json")))

    assert partner.received
    assert not foreign(found, *LIBRARIES_OF_FIRST_CALLS[name])
    most, most_of_all = MODULES_OF_FIRST_CALLS[name]
    assert len(own(found)) <= most, own(found)
    assert sys.version_info[:2] != COUNTED_ON or len(found) <= most_of_all, found


def test_the_zip_stays_small(package: Package) -> None:
    assert package.zip_path.stat().st_size <= ZIP_BYTES
