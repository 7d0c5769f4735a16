"""What the relay could not tell: told again from the stream, or from the row as it is now."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError
from pydantic import ValidationError

from chalicelib.adapters.streams import Image, told_in
from chalicelib.domain.messages import UntellableError
from chalicelib.domain.set_aside import SetAside
from infra import dead_letters, telling
from infra.dead_letters import DeadLetterQueue
from infra.place import Place
from infra.progress import Report
from infra.telling import UntoldError

#: A letter is hidden from others while the relay is asked about it.
HIDDEN_SECONDS = 120

#: The most pages of a stream that are read for one letter.
MAX_PAGES = 20


class _ForgottenError(UntoldError):
    """What a letter is about is no more where it was."""


def send_again(
    place: Place,
    queue: DeadLetterQueue,
    count: int,
    *,
    rate: int,
    report: Report,
    pause: Callable[[float], object] = time.sleep,
) -> tuple[int, list[str]]:
    """Have the relay tell of what the first `count` letters are about.

    Returns how many were told, and why the others were not: those stay in the queue.
    """
    sqs = place.cloud.sqs
    told = 0
    left: dict[str, str] = {}
    try:
        while told + len(left) < count:
            messages = dead_letters.received(
                sqs, queue.url, most=count - told - len(left), hidden_seconds=HIDDEN_SECONDS
            )
            if not messages:
                break
            for message in messages:
                try:
                    _tell(place, message["Body"])
                except UntoldError as error:
                    left[message["ReceiptHandle"]] = str(error)
                    continue
                sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
                told += 1
                report(f"{told} of {count}")
                pause(1 / rate)
    finally:
        for receipt in left:  # not before: this would get it again
            sqs.change_message_visibility(
                QueueUrl=queue.url, ReceiptHandle=receipt, VisibilityTimeout=0
            )
    return told, list(left.values())


def _tell(place: Place, body: str) -> None:
    try:
        said = json.loads(body)
        info = said.get("DDBStreamBatchInfo")
        aside = None if info else SetAside.model_validate(said)
    except (ValueError, AttributeError, ValidationError):
        raise UntoldError("A letter of the relay that cannot be read") from None
    if aside is None:
        _tell_all(place, _of_failure(place, info))
        return
    try:
        _tell_all(place, _of_stream(place, aside.stream_arn, *[aside.sequence_number] * 2))
    except UntoldError:  # forgotten, or still what cannot be told: as it is now, it may be
        _tell_all(place, [_of_row(place, aside)])


def _tell_all(place: Place, outboxes: list[str]) -> None:
    for _ in telling.tell(place, outboxes):
        pass


def _of_row(place: Place, aside: SetAside) -> str:
    key = {name: {"S": value} for name, value in aside.key.items()}
    found = place.cloud.dynamodb.get_item(TableName=aside.table, Key=key, ConsistentRead=True)
    row, named = found.get("Item", {}), " ".join(aside.key.values())
    told = _told_in(row)
    if told is None:
        raise _ForgottenError(f"{aside.table} has {named} no more")
    if aside.version not in {None, row.get("version", {}).get("N")}:
        raise _ForgottenError(f"{named} has changed since, and tells of that change alone")
    return told


def _of_failure(place: Place, info: dict[str, Any]) -> list[str]:
    try:
        span = (info["streamArn"], info["startSequenceNumber"], info["endSequenceNumber"])
    except (KeyError, TypeError):
        raise UntoldError("A letter of Lambda that names no records") from None
    try:
        return _of_stream(place, *span)
    except _ForgottenError as error:
        first, last = (
            info.get(f"approximateArrivalOf{which}Record") for which in ("First", "Last")
        )
        raise _ForgottenError(
            f"{error}; republish what was changed from {first} to {last}"
        ) from None


def _of_stream(place: Place, arn: str, first: str, last: str) -> list[str]:
    """Return what records `first` to `last` of a stream tell; raises _ForgottenError."""
    streams = place.cloud.dynamodbstreams
    found: list[dict[str, Any]] = []
    try:
        for shard in _shards(streams, arn, first):
            iterator = streams.get_shard_iterator(
                StreamArn=arn,
                ShardId=shard,
                ShardIteratorType="AT_SEQUENCE_NUMBER",
                SequenceNumber=first,
            )["ShardIterator"]
            found += _records(streams, iterator, last=int(last))
            if found:
                break
    except ClientError as error:
        if error.response["Error"]["Code"] not in {
            "TrimmedDataAccessException",
            "ResourceNotFoundException",
            "ValidationException",
        }:
            raise
    if not found or int(found[0]["SequenceNumber"]) != int(first):
        raise _ForgottenError(f"The stream has forgotten record {first}")
    return [
        told
        for record in found
        if (told := _told_in(record.get("NewImage", {})))
        and told != _told_in(record.get("OldImage", {}))
    ]


def _told_in(image: Image) -> str | None:
    try:
        return told_in(image)
    except UntellableError as error:
        raise UntoldError(str(error)) from None


def _shards(streams: Any, arn: str, number: str) -> Iterator[str]:  # noqa: ANN401 - it has no types
    """Yield the shards of a stream that may have the record of this number."""
    more: dict[str, str] = {}
    while True:
        told = streams.describe_stream(StreamArn=arn, **more)["StreamDescription"]
        for shard in told["Shards"]:
            span = shard["SequenceNumberRange"]
            ends = span.get("EndingSequenceNumber")
            begins_later = int(span.get("StartingSequenceNumber", 0)) > int(number)
            if not begins_later and (ends is None or int(number) <= int(ends)):
                yield shard["ShardId"]
        if "LastEvaluatedShardId" not in told:
            return
        more = {"ExclusiveStartShardId": told["LastEvaluatedShardId"]}


def _records(
    streams: Any,  # noqa: ANN401 - it has no types
    iterator: str | None,
    *,
    last: int,
) -> Iterator[dict[str, Any]]:
    """Yield what a shard has from an iterator on, up to the record of number `last`."""
    for _ in range(MAX_PAGES):
        if iterator is None:
            return
        page = streams.get_records(ShardIterator=iterator)
        for record in page["Records"]:
            if int(record["dynamodb"]["SequenceNumber"]) > last:
                return
            yield record["dynamodb"]
            if int(record["dynamodb"]["SequenceNumber"]) == last:
                return
        iterator = page.get("NextShardIterator")
