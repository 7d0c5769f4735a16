"""What the functions of a stack logged, read from CloudWatch Logs."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from infra.cloud import Cloud, one_clear_line
from infra.errors import OperatorError
from infra.local import RunningStack
from infra.status import functions

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

_PAUSE_SECONDS = 0.5


class _Line(NamedTuple):
    function: str
    stream: str
    at: int
    text: str


def lines(stack: RunningStack, function: str | None, *, follow: bool) -> Iterator[str]:
    """Yield log lines by time: of one function or of all; `follow` goes on for ever."""
    known = functions(stack)
    if function is not None and function not in known:
        raise OperatorError(f"No function {function!r}; there are {', '.join(sorted(known))}.")
    wanted = {function: known[function]} if function is not None else known
    client = Cloud(region=stack.region, endpoint_url=stack.endpoint_url).logs
    printed: Counter[_Line] = Counter()
    while True:
        with one_clear_line():
            logged = Counter(
                line for name, physical in wanted.items() for line in _read(client, name, physical)
            )
        # The embedded cloud gives its events no id: what is new is what there is more of.
        new = sorted((logged - printed).elements(), key=lambda line: line.at)
        printed = logged
        for line in new:
            moment = datetime.fromtimestamp(line.at / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
            yield f"{moment} {line.function:<13} {line.text}"
        if not follow:
            return
        time.sleep(_PAUSE_SECONDS)


def _read(client: "CloudWatchLogsClient", function: str, physical: str) -> "Iterator[_Line]":
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{physical}"
    )
    for page in pages:
        for event in page["events"]:
            stream = event["logStreamName"]
            yield _Line(function, stream, event["timestamp"], event["message"].rstrip())
