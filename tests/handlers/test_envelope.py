"""What every answer has in common, whatever it says."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from chalice import Blueprint, Chalice
from chalice.test import Client

from app import app
from chalicelib.handlers.http.api import Api as HttpApi
from chalicelib.handlers.http.routes import api as declared
from tests.conftest import Aws, Logs, client
from tests.http_api import Api, Reply, concrete, token

SECURITY = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "1; mode=block",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Cache-Control": "no-store",
    "Access-Control-Allow-Origin": "https://app.example.com",
    "Vary": "Origin",
}


def gateway(resource: str, path: str, method: str = "GET", **more: object) -> Reply:
    """Call the function as API Gateway does, which knows resources the test client does not."""
    event = {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": {"authorization": f"Bearer {token()}"},
        "pathParameters": None,
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
        "requestContext": {
            "httpMethod": method,
            "resourcePath": resource,
            "requestId": "call-7",
            "path": f"/api{path}",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": None,
        "isBase64Encoded": False,
    } | more
    answer = app(event, None)
    return Reply(answer["statusCode"], answer["headers"], json.loads(answer["body"]))


def test_every_answer_carries_the_security_headers(api: Api) -> None:
    replies = {
        200: api.get("/health"),
        201: api.post(
            "/budget-requests",
            "Finance Clerk",
            {"department": "finance", "amountRequested": 1, "purpose": "New laptops for us"},
        ),
        400: api.post("/budget-requests", "Finance Clerk"),
        401: api.get("/budget-requests/1"),
        404: api.get("/nowhere"),
        405: api.call("DELETE", "/health"),
    }

    for status, reply in replies.items():
        assert reply.status == status
        assert reply.headers.items() >= SECURITY.items()


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("path", sorted({route.path for route in declared.routes}))
def test_a_preflight_carries_the_security_headers(path: str) -> None:
    client = Client(app, project_dir=str(Path(__file__).parents[2]))

    answer = client.http.request("OPTIONS", concrete(path), headers={"Host": "api.example.com"})

    assert (answer.status_code, answer.body) == (204, b"")
    assert answer.headers.items() >= SECURITY.items()


def test_a_success_says_what_was_done(api: Api) -> None:
    reply = api.get("/health")

    assert reply.json.keys() == {"success", "message", "data"}
    assert reply.json["message"] == "The service is up"


@pytest.mark.usefixtures("api")
def test_a_failure_names_the_call() -> None:
    reply = gateway("/budget-requests/{id}", "/budget-requests/1", pathParameters={"id": "1"})

    assert (reply.code, reply.json["requestId"]) == ("NOT_FOUND", "call-7")


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ("/", "/"),
        ("/{unknown+}", "/nowhere"),
        ("/{unknown+}", "/budget-requests/1/explode"),
        ("/{unknown+}", "/api/health"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_an_unknown_path_is_not_found(resource: str, path: str, method: str) -> None:
    reply = gateway(resource, path, method, pathParameters={"unknown": path[1:]})

    assert (reply.status, reply.code) == (404, "ROUTE_NOT_FOUND")
    assert reply.json["requestId"] == "call-7"


@pytest.mark.parametrize("path", sorted({route.path for route in declared.routes}))
def test_a_method_that_is_not_served_is_refused_with_those_that_are(api: Api, path: str) -> None:
    served = {route.method for route in declared.routes if route.path == path}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - served:
        reply = api.call(method, concrete(path), role="SuperAdmin")

        assert (reply.status, reply.code) == (405, "METHOD_NOT_ALLOWED")
        assert set(reply.headers["Allow"].split(", ")) == served


@pytest.mark.parametrize(
    "route",
    [route for route in declared.routes if not route.is_open],
    ids=lambda route: f"{route.method} {route.path}",
)
def test_every_route_asks_who_is_calling(api: Api, route: Any) -> None:  # noqa: ANN401 - a Route
    reply = api.call(route.method, concrete(route.path))

    assert reply.status == HTTPStatus.UNAUTHORIZED
    assert reply.code.startswith("MISSING_")


@pytest.mark.usefixtures("api")
def test_a_body_in_base64_is_read_and_a_broken_one_is_malformed() -> None:
    def create(body: str) -> Reply:
        return gateway(
            "/budget-requests",
            "/budget-requests",
            "POST",
            headers={"authorization": f"Bearer {token()}", "content-type": "application/json"},
            body=body,
            isBase64Encoded=True,
        )

    assert create("eyJhIjoxfQ==").code == "VALIDATION_ERROR"
    assert create("abc").code == "MALFORMED_JSON"


@pytest.mark.usefixtures("api")
def test_a_lone_surrogate_outside_the_json_is_malformed() -> None:
    reply = gateway(
        "/budget-requests",
        "/budget-requests",
        "POST",
        headers={"authorization": f"Bearer {token()}", "content-type": "application/json"},
        body='{"purpose": "\ud800"}',
    )

    assert reply.code == "MALFORMED_JSON"


def test_what_goes_wrong_inside_is_logged_and_not_told(api: Api, aws: Aws, logs: Logs) -> None:
    request_id = api.draft()
    client("dynamodb").put_item(
        TableName="test-requests",
        Item={
            "pk": {"S": f"REQUEST#{request_id}"},
            "sk": {"S": "REQUEST"},
            "body": {"S": '{"purpose": "a secret purpose"}'},
        },
    )

    reply = api.get(f"/budget-requests/{request_id}", "Finance Clerk")

    assert (reply.status, reply.code) == (500, "INTERNAL_ERROR")
    assert reply.json["message"] == "Something went wrong on our side"
    (line,) = logs.at("ERROR")
    assert "ValidationError" in line["exception_name"]
    assert "a secret purpose" not in logs.text
    assert aws.queued() == []


def test_a_route_whose_module_cannot_be_imported_answers_in_the_envelope(
    api: Api,  # noqa: ARG001 - configured as it is
    logs: Logs,
) -> None:
    blueprint = Blueprint("broken")
    HttpApi(blueprint, {"no_such_module": ("GET /broken/{id}",)})
    broken = Chalice("broken", configure_logs=False)
    broken.register_blueprint(blueprint)

    answer = Client(broken).http.get("/broken/1", headers={"Host": "api.example.com"})
    reply = Reply(answer.status_code, answer.headers, json.loads(answer.body))

    assert (reply.status, reply.code) == (500, "INTERNAL_ERROR")
    assert answer.headers.items() >= SECURITY.items()
    assert "no_such_module" not in answer.body.decode()
    (line,) = logs.at("ERROR")
    assert "ModuleNotFoundError" in line["exception_name"]
    (told,) = (line for line in logs.lines if line["message"] == "answered")
    assert (told["route"], told["status"]) == ("/broken/{id}", 500)


def test_a_call_is_logged_by_its_route_and_not_by_what_it_said(api: Api, logs: Logs) -> None:
    api.draft(purpose="a secret purpose")

    (line,) = (line for line in logs.lines if line["message"] == "answered")
    assert (line["method"], line["route"], line["status"]) == ("POST", "/budget-requests", 201)
    assert "a secret purpose" not in logs.text
    assert "finance.clerk@example.com" not in logs.text
