"""The queue of each worker, its dead letters, and who may send there.

Rule → queue → function. What a function could not do in all its attempts (more than a day:
chalicelib/domain/retries.py), and what a rule cannot deliver, waits in the queue's dead-letter
queue in the same form, to be sent back, until two weeks after it was first sent.
"""

from typing import Any

from chalicelib.domain.retries import MAX_RECEIVES
from infra.template.cloudformation import Template, get, named, ref
from infra.template.parts import WORKERS, Worker

# A dead letter is as old as the message it was: its queue keeps longer than the one it comes from,
# and that one much longer than the day for which a message is tried.
_KEPT_SECONDS = 7 * 24 * 60 * 60
_KEPT_DEAD_SECONDS = 14 * 24 * 60 * 60  # the most that SQS keeps
_DATA_KEY_SECONDS = 3600  # KMS is asked once an hour for each sender, not for each message
_HIDDEN_TIMES = 6  # as long as the function may run, as AWS asks

#: What the relay can never tell, and stream records that it gave up on: where they are, not what
#: they hold; the change itself stays in the table.
_RELAY_DEAD_LETTERS = "RelayDeadLetterQueue"


def queues() -> dict[str, Template]:
    """Return every queue with the policy of who may send to it."""
    found = {_RELAY_DEAD_LETTERS: _queue("relay-dlq")}
    for worker in WORKERS:
        found |= _of(worker)
    return found


def monitored() -> dict[str, str]:
    """Return the name of each queue in the template by the one that people know it by."""
    found = {}
    for worker in WORKERS:
        found[worker.name.lower()] = f"{worker.name}Queue"
        found[f"{worker.name.lower()}-dlq"] = f"{worker.name}DeadLetterQueue"
    return found | {"relay-dlq": _RELAY_DEAD_LETTERS}


def _of(worker: Worker) -> dict[str, Template]:
    name = worker.name.lower()
    queue, dead_letters = f"{worker.name}Queue", f"{worker.name}DeadLetterQueue"
    redrive = {"deadLetterTargetArn": get(dead_letters), "maxReceiveCount": MAX_RECEIVES}
    hidden = worker.timeout_seconds * _HIDDEN_TIMES
    only_own_rules = {
        "Sid": "OnlyOwnRuleSends",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": [get(queue), get(dead_letters)],
        "Condition": {"ArnEquals": {"aws:SourceArn": [get(rule) for rule in worker.rules]}},
    }
    return {
        queue: _queue(name, VisibilityTimeout=hidden, RedrivePolicy=redrive),
        dead_letters: _queue(f"{name}-dlq"),
        f"{worker.name}QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [ref(queue), ref(dead_letters)],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": [only_own_rules]},
            },
        },
    }


def _queue(name: str, **properties: Any) -> Template:  # noqa: ANN401 - as CloudFormation has them
    return {
        "Type": "AWS::SQS::Queue",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {
            "QueueName": named(name),
            "MessageRetentionPeriod": _KEPT_DEAD_SECONDS
            if name.endswith("-dlq")
            else _KEPT_SECONDS,
            "KmsMasterKeyId": ref("DataKey"),
            "KmsDataKeyReusePeriodSeconds": _DATA_KEY_SECONDS,
            **properties,
        },
    }
