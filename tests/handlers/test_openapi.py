"""The OpenAPI document tells what the service does: no more, no less."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from chalicelib.domain.errors import BudgetRequestsError
from chalicelib.domain.event_catalogue import CATALOGUE
from chalicelib.domain.events import EventType
from chalicelib.handlers.http import body, local_front
from chalicelib.handlers.http.api import Route
from chalicelib.handlers.http.call import Nothing
from chalicelib.handlers.http.envelope import INTERNAL_ERROR, STATUS
from chalicelib.handlers.http.openapi import examples, failures
from chalicelib.handlers.http.openapi.document import text
from chalicelib.handlers.http.routes import api as declared
from tests.http_api import Api, Reply
from tests.schemas import Json, answer_schema, operations, wrong_with

DOCUMENT: Json = json.loads(text(declared.routes))
ROOT = Path(__file__).parents[2]

ENVELOPED = [route for route in declared.routes if not route.is_page]
WITH_BODY = [route for route in declared.routes if route.body is not Nothing]


def label(route: Route) -> str:
    return f"{route.method} {route.path}"


def told(route: Route) -> Json:
    return operations(DOCUMENT)[route.method, route.path]


def taken_by(route: Route) -> Json:
    content: Json = told(route)["requestBody"]["content"]["application/json"]
    return content


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_the_document_has_every_declared_route_and_no_other() -> None:
    assert set(operations(DOCUMENT)) == {(route.method, route.path) for route in declared.routes}


def test_parameters_are_named_as_clients_see_them() -> None:
    named = {name for path in DOCUMENT["paths"] for name in re.findall(r"{(\w+)}", path)}
    assert {"id", "itemId"} <= named
    assert {to_camel(name) for name in named} == named


def test_schemas_have_names_of_their_own_and_none_of_a_module() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert [name for name in schemas if not re.fullmatch("[A-Za-z0-9]+", name)] == []


def test_the_documents_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert DOCUMENT["info"]["version"] == project["version"]


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for operation in operations(DOCUMENT).values()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("route", declared.routes, ids=label)
def test_every_route_says_what_it_does(route: Route) -> None:
    assert route.summary
    assert route.is_page or route.gives is not None


@pytest.mark.parametrize("route", ENVELOPED, ids=label)
def test_every_answer_has_an_example_that_its_schema_takes(route: Route) -> None:
    content = told(route)["responses"][str(int(route.status))]["content"]["application/json"]
    assert wrong_with(content["example"], content["schema"], DOCUMENT) == []


@pytest.mark.parametrize("route", WITH_BODY, ids=label)
def test_every_body_has_examples_that_its_schema_and_its_model_take(route: Route) -> None:
    content = taken_by(route)
    assert content["examples"]
    for example in content["examples"].values():
        assert wrong_with(example["value"], content["schema"], DOCUMENT) == []
        body.parse(json.dumps(example["value"]), "application/json", route.body)


@pytest.mark.parametrize("route", ENVELOPED, ids=label)
def test_failures_read_as_their_schemas_say(route: Route) -> None:
    for status, response in told(route)["responses"].items():
        if status >= "400":
            content = response["content"]["application/json"]
            for example in content["examples"].values():
                name = example["$ref"].removeprefix("#/components/examples/")
                value = DOCUMENT["components"]["examples"][name]["value"]
                assert wrong_with(value, content["schema"], DOCUMENT) == []
                assert STATUS_OF[value["code"]] == int(status)


STATUS_OF = {entry["code"]: entry["status"] for entry in DOCUMENT["x-error-codes"]}


def test_the_catalogue_has_every_error_code_with_its_status() -> None:
    expected = {error.code: int(status) for error, status in STATUS.items()}
    local = {refusal.code: refusal.status for refusal in local_front.REFUSALS}
    assert expected | {INTERNAL_ERROR: 500} | local == STATUS_OF
    marked = {entry["code"] for entry in DOCUMENT["x-error-codes"] if "localOnly" in entry}
    assert marked == set(local)
    assert all(entry["meaning"] for entry in DOCUMENT["x-error-codes"])


def test_every_error_that_a_caller_may_see_stands_at_some_route() -> None:
    by_routes = {error for route in declared.routes for error in failures.possible(route)}
    workers_alone = {"DELIVERY_FAILED", "CLAIM_HELD"}
    services_alone = {"ALREADY_RELEASED", "ALREADY_EXPIRED"}
    answered_before_routes = {"METHOD_NOT_ALLOWED"}
    assert {error.code for error in set(STATUS) - by_routes} == (
        workers_alone | services_alone | answered_before_routes
    )


def test_every_refusal_that_a_route_declares_is_a_known_error() -> None:
    declared_errors = {error for route in declared.routes for error in route.raises}
    assert all(issubclass(error, BudgetRequestsError) for error in declared_errors)
    assert declared_errors <= set(STATUS)


@pytest.mark.parametrize("path", ["/budget-requests", "/item-allocations"])
def test_how_to_get_to_a_page_far_away_is_told_where_pages_are_asked_for(path: str) -> None:
    asked = {each["name"]: each for each in DOCUMENT["paths"][path]["get"]["parameters"]}
    example = DOCUMENT["components"]["examples"]["FILTER_TOO_BROAD"]["value"]

    assert "`FILTER_TOO_BROAD`; `cursor` leads there" in asked["page"]["description"]
    assert "meta.nextCursor" in asked["cursor"]["description"]
    assert "meta.nextCursor" in example["errors"][0]["message"]
    assert "FILTER_TOO_BROAD" in str(DOCUMENT["paths"][path]["get"]["responses"]["400"])


def test_every_event_is_in_the_document_with_an_example_that_its_schema_takes() -> None:
    assert set(DOCUMENT["webhooks"]) == set(EventType) == set(CATALOGUE)
    for webhook in DOCUMENT["webhooks"].values():
        content = webhook["post"]["requestBody"]["content"]["application/json"]
        assert wrong_with(content["example"], content["schema"], DOCUMENT) == []


def test_every_event_of_the_domain_holds_what_the_catalogue_says() -> None:
    seen = set()
    for event in examples.the_story().events:
        seen.add(event.type)
        data = CATALOGUE[event.type].model_validate(event.payload())
        assert set(event.payload()) == set(data.model_dump())
    assert seen == set(EventType)


def test_bodies_refuse_what_they_do_not_know() -> None:
    for route in WITH_BODY:
        assert issubclass(route.body, BaseModel)
        schema = taken_by(route)["schema"]
        assert any("xyzzy" in wrong for wrong in wrong_with({"xyzzy": 1}, schema, DOCUMENT))


VERSIONED_WEBHOOKS = {
    "PUT /webhooks/{id}",
    "DELETE /webhooks/{id}",
    "POST /webhooks/{id}/rotate-secret",
    "POST /webhooks/{id}/recover",
}


def test_writes_of_what_has_a_version_take_if_match() -> None:
    for route in declared.routes:
        names = [p.get("$ref", "") for p in told(route)["parameters"]]
        versioned = "/budget-requests/{id}" in route.path and route.method != "GET"
        versioned |= label(route) in VERSIONED_WEBHOOKS
        assert ("#/components/parameters/IfMatch" in names) is versioned, label(route)


def test_every_post_takes_an_idempotency_key() -> None:
    for route in declared.routes:
        names = [p.get("$ref", "") for p in told(route)["parameters"]]
        takes = "#/components/parameters/IdempotencyKey" in names
        assert takes is (route.method == "POST"), label(route)


def test_only_open_routes_ask_for_no_proof() -> None:
    for route in declared.routes:
        assert (told(route)["security"] == []) is route.is_open, label(route)


def test_the_document_is_made_when_it_is_asked_for_and_not_before() -> None:
    code = (
        "import sys; import app; "
        "print([m for m in sys.modules if m.startswith('chalicelib.handlers.http.openapi')])"
    )
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_document_is_served_as_it_is_without_a_token(api: Api) -> None:
    reply = api.get("/openapi.json")
    assert reply.status == 200
    assert reply.json == DOCUMENT


class Judge:
    """The API, every answer of which is held to the document."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def call(self, method: str, path: str, *, to: str, role: str | None, body: Any = None) -> Reply:  # noqa: ANN401 - JSON
        reply = self._api.call(method, path, role=role, body=body)
        schema = answer_schema(DOCUMENT, method, to, reply.status)
        assert wrong_with(reply.json, schema, DOCUMENT) == []
        return reply


@pytest.fixture
def judge(api: Api) -> Judge:
    return Judge(api)


ONE = "/budget-requests/{id}"


def test_answers_of_the_main_job_are_as_documented(judge: Judge) -> None:
    body = {
        "department": "finance",
        "amountRequested": 50000.29,
        "purpose": "New laptops for the audit team",
        "items": [{"itemName": "Laptop", "quantity": 2, "unitCost": 1250, "totalCost": 2500}],
    }
    clerk, admin = "Finance Clerk", "Finance Admin"
    made = judge.call("POST", "/budget-requests", to="/budget-requests", role=clerk, body=body)
    at = f"/budget-requests/{made.data['id']}"
    new = {"priority": "urgent"}
    assert judge.call("PUT", at, to=ONE, role=clerk, body=new).status == 200
    item = {"itemName": "Bag", "quantity": 3, "unitCost": 0.01, "totalCost": 0.03}
    added = judge.call("POST", f"{at}/items", to=ONE + "/items", role=clerk, body=item)
    line, lines = f"{at}/items/{added.data['id']}", ONE + "/items/{itemId}"
    assert judge.call("PUT", line, to=lines, role=clerk, body={"itemName": "Sack"}).status == 200
    assert judge.call("DELETE", line, to=lines, role=clerk).status == 200
    assert judge.call("POST", f"{at}/submit", to=ONE + "/submit", role=clerk).status == 200
    assert judge.call("GET", f"{at}/funds", to=ONE + "/funds", role=admin).status == 200
    approval = {"bufferPercentage": 5}
    approve, line = ONE + "/approve", f"{at}/items/1"
    approved = judge.call("POST", f"{at}/approve", to=approve, role=admin, body=approval)
    assert approved.status == 200
    decide = lines + "/approve"
    assert judge.call("POST", f"{line}/approve", to=decide, role=admin).status == 200
    less = {"allocatedAmount": 2000}
    assert judge.call("PUT", line, to=lines, role=admin, body=less).status == 200
    assert judge.call("GET", f"{at}/items", to=ONE + "/items", role=clerk).status == 200
    assert judge.call("GET", at, to=ONE, role=clerk).status == 200
    assert judge.call("POST", f"{at}/cancel", to=ONE + "/cancel", role=admin).status == 200


def test_refusals_are_as_documented(judge: Judge) -> None:
    create = "/budget-requests"
    judge.call("POST", create, to=create, role=None)
    judge.call("POST", create, to=create, role="Finance Clerk", body={"department": 7})
    judge.call("POST", create, to=create, role="SuperAdmin")
    judge.call("GET", f"{create}/1", to=ONE, role="SuperAdmin")
    judge.call("POST", f"{create}/1/approve", to=ONE + "/approve", role="Finance Admin")
    assert judge.call("GET", "/health", to="/health", role=None).status == 200
