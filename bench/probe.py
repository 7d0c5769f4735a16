"""Run by itself in a process that has the unpacked zip and nothing else: what a function costs.

`python -I -S probe.py FOLDER` reads an order as JSON and prints what it found as JSON. Orders:
`record` plays calls on a running stack and keeps what was sent to AWS and what came back;
`cold` starts a function and plays its first call, with AWS answering from such a record;
`warm` plays calls by turns with a bare handler that sends the same by botocore alone;
`trust` reads the certificates that a first call of HTTPS reads.
"""

import gc
import importlib
import io
import json
import os
import pickle
import runpy
import ssl
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from functools import cache
from pathlib import Path
from statistics import quantiles
from time import process_time
from typing import Any

#: Calls that are not counted, by each side, before those that are.
WARM_UP = 20

BAD_REQUEST = 400

#: So many lines of a function's log are told with what went wrong.
LOG_LINES = 5

#: The call that is to find in the cache what an earlier one has parsed.
TEXT_KNOWN = "get, text known"

Call = dict[str, Any]
#: Status, headers and content of an answer.
Came = tuple[int, dict[str, str], bytes]


def main(folder: str, order: dict[str, Any]) -> dict[str, Any]:
    """Do what the order says, with the packages of a folder."""
    sys.path.insert(0, folder)
    os.environ |= order["environment"]
    acts: dict[str, Callable[..., dict[str, Any]]] = {
        "record": record,
        "cold": cold,
        "warm": warm,
        "trust": trust,
    }
    log = io.StringIO()
    try:
        with redirect_stdout(log):
            return acts[order["do"]](**order["with"])
    except Exception as error:
        error.add_note("".join(log.getvalue().splitlines(keepends=True)[-LOG_LINES:]))
        raise


def record(target: str, batch: dict[str, Any] | None, keep_in: str) -> dict[str, Any]:
    """Play calls on the stack: a worker's batch, or else those of the API (script.py).

    Each is kept with what was sent and what came back.
    """
    handler = _handler(target)
    kept: dict[str, Call] = {}
    secrets: dict[bytes, Came] = {}
    script = runpy.run_path(str(Path(__file__).with_name("script.py")))["calls"]
    played = script(lambda event: _watched(handler, event, secrets)["answer"])
    for name, event in [("batch", batch)] if batch else played:
        kept[name] = _watched(handler, event, secrets)
    for call in kept.values():
        call["secrets"] = secrets
    Path(keep_in).write_bytes(pickle.dumps(kept))
    return {name: len(call["sent"]) for name, call in kept.items()}


def cold(
    target: str | None,
    recording: str,
    call: str,
    collector: str = "as it is",
    *,
    validates: bool = False,
) -> dict[str, Any]:
    """Return the CPU seconds until a function is ready, and until it has answered its first call.

    Ready is: imported, and with a client of DynamoDB, which it makes at its first call. Without a
    target it is the floor: botocore and one such client, and where it `validates`, pydantic with a
    model of one field, which has read a value. The garbage `collector`
    is left `as it is`, or `off` on the way, or what was imported is `frozen` out of its sight.
    """
    gc.collect()
    if collector == "off":
        gc.disable()
    started = process_time()
    if target is None:
        _client("dynamodb")
        if validates:
            _validate()
    else:
        handler = _handler(target)
    if collector == "frozen":
        gc.freeze()
    imported = process_time() - started
    if target is not None:
        importlib.import_module("chalicelib.adapters.aws").client("dynamodb")
    ready = process_time() - started
    known = pickle.loads(Path(recording).read_bytes())[call]  # noqa: S301 - our own
    _answer_from(known)
    started = process_time()
    if target is None:
        _bare(known, _client)(known["event"])
    else:
        handler(known["event"], None)
    return {
        "imported": imported,
        "ready": ready,
        "answered": ready + process_time() - started,
        "modules": len(sys.modules),
        "megabytes": _resident_megabytes(),
    }


def _validate() -> None:
    pydantic = importlib.import_module("pydantic")
    pydantic.create_model("Model", field=(int, ...)).model_validate({"field": 1})


def warm(target: str, recording: str, calls: int) -> dict[str, Any]:
    """Return the CPU seconds of each kind of call: the function's, and the bare one's.

    The bare one's clients are as botocore makes them, and then `lean`, set as the function's are.
    Of each the lower quartile: what else the machine does only adds to a call, and in a fourth of
    them adds little. Between processes its ratios differ by half of what those of medians do.
    """
    handler, forget = _handler(target), _forgetting()
    found = {}
    for name, call in pickle.loads(Path(recording).read_bytes()).items():  # noqa: S301 - our own
        rewind, bare, lean = _answer_from(call), _bare(call, _client), _bare(call, _lean_client)
        sides = {"ours": lambda event: handler(event, None), "floor": bare, "lean": lean}
        times: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(WARM_UP + calls):
            for side, act in sides.items():
                event = json.loads(json.dumps(call["event"]))
                rewind()
                if name != TEXT_KNOWN:
                    forget()
                started = process_time()
                answer = act(event)
                times[side].append(process_time() - started)
                if side == "ours" and _status(answer) != _status(call["answer"]):
                    raise RuntimeError(f"{name} was answered otherwise: {answer}")
        found[name] = {side: quantiles(spent[WARM_UP:])[0] for side, spent in times.items()}
    return found | {"megabytes": _resident_megabytes()}


def trust(recording: str, call: str, few: int) -> dict[str, Any]:
    """Return the CPU seconds of reading all certificates that are trusted, and of `few` of them.

    And how many connections a call makes in a function that has none: one to each service.
    """
    known = pickle.loads(Path(recording).read_bytes())[call]  # noqa: S301 - our own
    services = {service for service, _, _ in known["sent"]}
    if known["secrets"]:
        services.add("secretsmanager")
    bundle = _client("dynamodb")._endpoint.http_session._verify
    where = importlib.import_module("botocore.httpsession").get_cert_path(bundle)
    whole = Path(where).read_text()
    end = "-----END CERTIFICATE-----\n"
    part = end.join(whole.split(end)[:few]) + end
    found: dict[str, Any] = {"connections": len(services)}
    for name, text in (("all", whole), ("few", part)):
        started = process_time()
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
        found[name] = process_time() - started
    return found


def _forgetting() -> Callable[[], None]:
    """Return what empties the caches of what was read, so that each call is a first one."""
    ours = importlib.import_module("chalicelib.bootstrap")

    def forget() -> None:
        ours.list_cache.cache_clear()
        ours.request_cache.cache_clear()

    return forget


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


@cache
def _lean_client(service: str) -> Any:
    return importlib.import_module("chalicelib.adapters.aws").client(service)


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
    if isinstance(answer, dict) and answer.get("batchItemFailures"):
        raise RuntimeError(f"failed: {answer}")
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
    """Return the status of an answer of the API; of a batch, how many of it failed."""
    if not isinstance(answer, dict):
        return 0
    return int(answer.get("statusCode", len(answer.get("batchItemFailures", ()))))


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


def _bare(call: Call, client_of: Callable[[str], Any]) -> Callable[[Any], Any]:
    """Return a handler that reads its event, sends what the recorded call sent, and answers."""
    refused = _botocore("exceptions").ClientError
    clients = {service: client_of(service) for service, _, _ in call["sent"]}
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


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.load(sys.stdin))))
