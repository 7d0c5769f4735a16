"""The API of a running stack, called by its operator: a SuperAdmin that Audit hears of by name."""

from typing import Any

import httpx

from infra.errors import OperatorError
from infra.local import RunningStack

#: Under this name Audit hears of what the command line does.
OPERATOR = "operator"


def call(stack: RunningStack, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """Call the API and return the data; raises OperatorError with all that the service refuses."""
    token = stack.token("SuperAdmin", sub=OPERATOR, name=OPERATOR)
    try:
        with stack.http(token) as http:
            answer = http.request(method, path, json=body)
            envelope = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise OperatorError(
            f"The API of the stack {stack.name!r} did not answer: {error}"
        ) from None
    if answer.is_error:
        wrong = [f"{each['field']}: {each['message']}" for each in envelope.get("errors", [])]
        raise OperatorError("; ".join([f"{envelope['message']} ({envelope['code']})", *wrong]))
    return envelope["data"]
