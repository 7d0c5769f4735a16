"""Run by itself in a process that has the unpacked zip and nothing else: what a function costs.

`python -I -S probe.py FOLDER` reads an order as JSON and prints what it found as JSON. Orders:
`record` plays calls on a running stack and keeps what was sent to AWS and what came back;
`cold` starts a function and plays its first call, with AWS answering from such a record;
`warm` plays calls by turns with a bare handler that sends the same by botocore alone.
"""

import gc
import importlib
import io
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from functools import cache
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

#: Calls that are not counted, by each side, before those that are.
WARM_UP = 20

BAD_REQUEST = 400

Call = dict[str, Any]
#: Status, headers and content of an answer.
Came = tuple[int, dict[str, str], bytes]


def main(folder: str, order: dict[str, Any]) -> dict[str, Any]:
    """Do what the order says, with the packages of a folder."""
    sys.path.insert(0, folder)
    os.environ |= order["environment"]
    acts: dict[str, Callable[..., dict[str, Any]]] = {"record": record, "cold": cold, "warm": warm}
    with redirect_stdout(io.StringIO()):  # the functions' log
        return acts[order["do"]](**order["with"])


def record(target: str, script: str, keep_in: str) -> dict[str, Any]:
    """Play a script's calls on the stack; keep each with what was sent and what came back."""
    handler = _handler(target)
    kept: dict[str, Call] = {}
    secrets: dict[bytes, Came] = {}
    for name, event in SCRIPTS[script](lambda event: _watched(handler, event, secrets)["answer"]):
        kept[name] = _watched(handler, event, secrets)
    for call in kept.values():
        call["secrets"] = secrets
    Path(keep_in).write_bytes(pickle.dumps(kept))
    return {name: len(call["sent"]) for name, call in kept.items()}


def cold(target: str | None, recording: str | None, call: str | None) -> dict[str, Any]:
    """Return the CPU seconds until a function is there, and until it has answered its first call.

    Without a target it is the floor: botocore and one client of DynamoDB.
    """
    gc.collect()
    started = process_time()
    if target is None:
        _client("dynamodb")
    else:
        handler = _handler(target)
    imported = process_time() - started
    answered = imported
    if recording and call:
        known = pickle.loads(Path(recording).read_bytes())[call]  # noqa: S301 - our own
        _answer_from(known)
        started = process_time()
        if target is None:
            _bare(known)(known["event"])
        else:
            handler(known["event"], None)
        answered += process_time() - started
    return {
        "imported": imported,
        "answered": answered,
        "modules": len(sys.modules),
        "megabytes": _resident_megabytes(),
    }


def warm(target: str, recording: str, calls: int) -> dict[str, Any]:
    """Return the median CPU seconds of each kind of call: the function's, and the bare one's."""
    handler = _handler(target)
    found = {}
    for name, call in pickle.loads(Path(recording).read_bytes()).items():  # noqa: S301 - our own
        rewind, bare = _answer_from(call), _bare(call)
        times: dict[str, list[float]] = {"ours": [], "floor": []}
        sides = {"ours": lambda event: handler(event, None), "floor": bare}
        for _ in range(WARM_UP + calls):
            for side, act in sides.items():
                event = json.loads(json.dumps(call["event"]))
                rewind()
                started = process_time()
                answer = act(event)
                times[side].append(process_time() - started)
                if side == "ours" and _status(answer) != _status(call["answer"]):
                    raise RuntimeError(f"{name} was answered otherwise: {answer}")
        found[name] = {side: median(spent[WARM_UP:]) for side, spent in times.items()}
    return found | {"megabytes": _resident_megabytes()}


def _resident_megabytes() -> float:
    """Return the most this process was: rusage counts what its parent was before, too."""
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) / 1024


def _handler(target: str) -> Callable[[Any, Any], Any]:
    module, _, name = target.rpartition(".")
    found: Callable[[Any, Any], Any] = getattr(importlib.import_module(module), name)
    return found


@cache
def _session() -> Any:
    return _botocore("session").get_session()


@cache
def _client(service: str) -> Any:
    return _session().create_client(service)


def _watched(handler: Callable[[Any, Any], Any], event: Any, secrets: dict[bytes, Came]) -> Call:
    """Return a call with what it sent by botocore, and what came back; secrets come apart."""
    client, http = _botocore("client").BaseClient, _botocore("httpsession").URLLib3Session
    sent: list[tuple[str, str, dict[str, Any]]] = []
    came: list[Came] = []
    send, call = http.send, client._make_api_call

    def watched_call(self: Any, operation: str, params: dict[str, Any]) -> Any:
        if (service := self.meta.service_model.service_name) != "secretsmanager":
            sent.append((service, operation, params))
        return call(self, operation, params)

    def watched_send(self: Any, request: Any) -> Any:
        answer = send(self, request)
        found = answer.status_code, dict(answer.headers), answer.content
        if _asks_for_a_secret(request):
            secrets[request.body] = found
        else:
            came.append(found)
        return answer

    http.send, client._make_api_call = watched_send, watched_call
    try:
        answer = handler(json.loads(json.dumps(event)), None)
    finally:
        http.send, client._make_api_call = send, call
    if _status(answer) >= BAD_REQUEST:
        raise RuntimeError(f"refused: {answer['body']}")
    return {"event": event, "sent": sent, "came": came, "answer": answer}


def _botocore(module: str) -> Any:
    """Return a module of the zip's botocore, which is not there when this one is imported."""
    return importlib.import_module(f"botocore.{module}")


def _asks_for_a_secret(request: Any) -> bool:
    return b"secretsmanager" in _text(request.headers.get("X-Amz-Target", b""))


def _text(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _status(answer: Any) -> int:
    return int(answer.get("statusCode", 0)) if isinstance(answer, dict) else 0


def _answer_from(call: Call) -> Callable[[], None]:
    """Have AWS answer as it did in a recorded call; return what begins at its start again."""
    kinds, at = _botocore("awsrequest"), 0

    def answer(_: Any, request: Any) -> Any:
        nonlocal at
        if _asks_for_a_secret(request):
            status, headers, content = call["secrets"][request.body]
        else:
            status, headers, content = call["came"][at]
            at += 1
        response = kinds.AWSResponse(request.url, status, kinds.HeadersDict(headers), None)
        response._content = content
        return response

    def rewind() -> None:
        nonlocal at
        at = 0

    _botocore("httpsession").URLLib3Session.send = answer
    return rewind


def _bare(call: Call) -> Callable[[Any], Any]:
    """Return a handler that reads its event, sends what the recorded call sent, and answers."""
    refused = _botocore("exceptions").ClientError
    clients = {service: _client(service) for service, _, _ in call["sent"]}
    answer = call["answer"]
    shown = json.loads(answer["body"]) if isinstance(answer, dict) and "body" in answer else answer

    def handle(event: dict[str, Any]) -> dict[str, Any]:
        for each in event.get("Records", [event]):
            if isinstance(each.get("body"), str):
                json.loads(each["body"])
        for service, operation, params in call["sent"]:
            with suppress(refused):  # where the recorded call was refused, so is this one
                clients[service]._make_api_call(operation, params)
        return {"statusCode": 200, "headers": {}, "body": json.dumps(shown)}

    return handle


Play = Callable[[dict[str, Any]], Any]


def _main_job(play: Play) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the calls of the API that are measured, on requests made for them."""
    clerk, admin = os.environ["CLERK_TOKEN"], os.environ["ADMIN_TOKEN"]
    at = "/budget-requests"
    new = {
        "department": "finance",
        "amountRequested": 1250.5,
        "purpose": "New laptops for the audit team",
        "justification": "The machines are seven years old and get no more updates. " * 2,
        "items": [
            {"itemName": f"Laptop {n}", "quantity": 1, "unitCost": n, "totalCost": n}
            for n in (300, 400, 500)
        ],
    }

    def made(*steps: str) -> dict[str, str]:
        """Return the path parameters of a new request, after some steps."""
        created = json.loads(play(_call("POST", at, clerk, new))["body"])["data"]
        path = {"id": str(created["id"])}
        for step in steps:
            play(_call("POST", at + "/{id}/" + step, clerk, path=path))
        return path

    approval = {"reviewNotes": "Within the plan for the quarter", "bufferPercentage": 5}
    rejection = {"reviewNotes": "Not this quarter"}
    for _ in range(20):
        made("submit")  # a page to list
    yield "create", _call("POST", at, clerk, new)
    yield "submit", _call("POST", at + "/{id}/submit", clerk, path=made())
    yield "approve", _call("POST", at + "/{id}/approve", admin, approval, path=made("submit"))
    yield "reject", _call("POST", at + "/{id}/reject", admin, rejection, path=made("submit"))
    yield "get", _call("GET", at + "/{id}", clerk, path=made("submit"))
    yield "list", _call("GET", at, admin, query={"status": "PENDING"})
    yield "health", _call("GET", "/health", None)


def _call(
    method: str,
    resource: str,
    token: str | None,
    body: object = None,
    *,
    path: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return a call as API Gateway hands it over."""
    headers = {"host": "api.example.com", "content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    called = resource.replace("{id}", (path or {}).get("id", ""))
    return {
        "resource": resource,
        "path": called,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {n: [v] for n, v in query.items()} if query else None,
        "pathParameters": path,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/api{called}",
            "stage": "api",
            "requestId": "20000000-0000-4000-8000-000000000001",
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "bench"},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def _sample(_: Play) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the sample event whose file the environment names, with ids of its own."""
    text = Path(os.environ["SAMPLE"]).read_text()
    yield "batch", json.loads(text.replace("20260000001", os.environ["SAMPLE_ID"]))


SCRIPTS = {"main job": _main_job, "sample": _sample}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.load(sys.stdin))))
