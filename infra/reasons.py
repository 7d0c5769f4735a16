"""Why a message became a dead letter: what its worker last said of it in the log.

SQS moves a message and keeps no reason, and to write one down would cost each failing message a
write; the log has it anyway, for longer than a dead letter stays.
"""

import json
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from infra.letters import Letter
from infra.place import Place

#: The most pages of log lines that are read for the letters of one queue.
MAX_PAGES = 20

#: What a worker says of each message that failed, in the message of its line.
_FAILED = "message failed"
_MAX_CHARACTERS = 200


def added(place: Place, letters: Iterable[Letter]) -> list[Letter]:
    """Return the letters of one queue, each with its reason where the log knows it."""
    given = list(letters)
    unknown = [letter for letter in given if letter.reason is None]
    function = place.outputs.get(f"{given[0].queue.capitalize()}FunctionName") if given else None
    if not unknown or function is None:
        return given
    first = min(letter.since for letter in unknown)
    told = _told(place, f"/aws/lambda/{function}", int(first.timestamp() * 1000))
    return [
        letter.model_copy(update={"reason": letter.reason or told.get(letter.message_id)})
        for letter in given
    ]


def _told(place: Place, group: str, since: int) -> dict[str, str]:
    """Return what was last said of each message that failed since then (epoch milliseconds)."""
    logs = place.cloud.logs
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern=f'"{_FAILED}"', startTime=since
    )
    lines = []
    try:
        for number, page in enumerate(pages, start=1):
            lines += [(event["timestamp"], event["message"]) for event in page["events"]]
            if number == MAX_PAGES:
                break
    except logs.exceptions.ResourceNotFoundException:
        return {}  # it has not said anything yet
    told: dict[str, str] = {}
    for _, text in sorted(lines, key=itemgetter(0)):
        line = _parsed(text)
        if line.get("message") == _FAILED:
            told[str(line.get("message_id"))] = _why(line)
    return told


def _parsed(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def _why(line: dict[str, Any]) -> str:
    if "why" in line:
        return f"{line['why']} ({line.get('code')})"[:_MAX_CHARACTERS]
    # Of a traceback the line that names the error: what pydantic says of it goes on below.
    name = str(line.get("exception_name"))
    traceback = str(line.get("exception")).splitlines()
    told = [text[text.index(name) :] for text in traceback if f"{name}:" in text]
    return (told[-1] if told else name)[:_MAX_CHARACTERS]
