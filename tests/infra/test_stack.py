"""What is prepared and not done is forgotten: the change set, and a stack that was never made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from infra.cloud import Cloud
from infra.stack import ChangeSet, DeployError, Stack, TemplateSource
from tests.infra.operated import all_answering

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

ADDED = {
    "ResourceChange": {
        "Action": "Add",
        "LogicalResourceId": "EventBus",
        "ResourceType": "AWS::Events::EventBus",
    }
}

Answer = tuple[int, dict[str, Any]]


class OneClient(Cloud):
    """A cloud on this machine whose client to CloudFormation stays, so that a test can answer."""

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """The one client."""
        return super().cloudformation


@dataclass
class CloudFormation:
    """What CloudFormation keeps of one stack, and how it answers."""

    status: str = ""
    change_sets: dict[str, str] = field(default_factory=dict)
    #: What becomes of a new change set, and why.
    ends: str = "CREATE_COMPLETE"
    because: str = ""
    executing: Callable[[], Answer] = lambda: (200, {})
    describing: Callable[[], None] = lambda: None
    forgetting: Callable[[], Answer | None] = lambda: None

    def create_change_set(self, asked: dict[str, str]) -> Answer:
        if asked["ChangeSetType"] == "CREATE":
            self.status = "REVIEW_IN_PROGRESS"
        self.change_sets[asked["ChangeSetName"]] = self.ends
        return 200, {"Id": "arn:change-set"}

    def describe_change_set(self, asked: dict[str, str]) -> Answer:
        self.describing()
        status = self.change_sets[asked["ChangeSetName"]]
        return 200, {"Status": status, "StatusReason": self.because, "Changes": [ADDED]}

    def delete_change_set(self, asked: dict[str, str]) -> Answer:
        refused = self.forgetting()
        if refused is None:
            del self.change_sets[asked["ChangeSetName"]]
        return refused or (200, {})

    def list_change_sets(self, _: object) -> Answer:
        listed = [{"ChangeSetName": n, "Status": s} for n, s in self.change_sets.items()]
        return 200, {"Summaries": listed}

    def describe_stacks(self, _: object) -> Answer:
        if not self.status:
            return _refused("Stack with id a-stack does not exist")
        return 200, {"Stacks": [{"StackName": "a-stack", "StackStatus": self.status}]}

    def describe_stack_events(self, _: object) -> Answer:
        return 200, {"StackEvents": []}

    def execute_change_set(self, _: object) -> Answer:
        return self.executing()

    def delete_stack(self, _: object) -> Answer:
        self.status = ""
        return 200, {}

    @contextmanager
    def answering(self) -> Iterator[Stack]:
        cloud = OneClient("us-east-1", "http://127.0.0.1:9")
        operations = {
            "".join(word.capitalize() for word in name.split("_")): getattr(self, name)
            for name in vars(type(self))
            if name.startswith(("create_", "delete_", "describe_", "execute_", "list_"))
        }
        with all_answering(cloud.cloudformation, operations):
            yield Stack(cloud, "a-stack", lambda _: None)


def _refused(why: str) -> Answer:
    return 400, {"Error": {"Code": "ValidationError", "Message": why}}


def prepared(stack: Stack) -> ChangeSet:
    found = stack.prepare(TemplateSource(body="{}"), {})
    assert found
    return found


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("before", "after"), [("", ""), ("UPDATE_COMPLETE", "UPDATE_COMPLETE")])
def test_a_change_set_that_fails_leaves_nothing(before: str, after: str) -> None:
    cloud = CloudFormation(status=before, ends="FAILED", because="Circular dependency")
    with cloud.answering() as stack, pytest.raises(DeployError, match="Circular dependency"):
        prepared(stack)
    assert (cloud.status, cloud.change_sets) == (after, {})


@pytest.mark.parametrize("before", ["", "UPDATE_COMPLETE"])
def test_who_interrupts_while_it_is_worked_out_leaves_nothing(before: str) -> None:
    cloud = CloudFormation(status=before, ends="CREATE_IN_PROGRESS", describing=interrupt)
    with cloud.answering() as stack, pytest.raises(KeyboardInterrupt):
        prepared(stack)
    assert (cloud.status, cloud.change_sets) == (before, {})


@pytest.mark.parametrize("before", ["", "UPDATE_COMPLETE"])
def test_what_is_discarded_leaves_nothing(before: str) -> None:
    cloud = CloudFormation(status=before)
    with cloud.answering() as stack:
        stack.discard(prepared(stack))
    assert (cloud.status, cloud.change_sets) == (before, {})


def test_nothing_to_change_leaves_nothing() -> None:
    cloud = CloudFormation(
        "UPDATE_COMPLETE", ends="FAILED", because="No updates are to be performed"
    )
    with cloud.answering() as stack:
        assert stack.prepare(TemplateSource(body="{}"), {}) is None
    assert cloud.change_sets == {}


def test_what_may_not_be_executed_leaves_nothing() -> None:
    cloud = CloudFormation(executing=lambda: _refused("You may not"))
    with cloud.answering() as stack, pytest.raises(stack._client.exceptions.ClientError):
        stack.execute(prepared(stack))
    assert (cloud.status, cloud.change_sets) == ("", {})


def test_a_stack_that_somebody_else_prepares_as_well_stays() -> None:
    cloud = CloudFormation("REVIEW_IN_PROGRESS", {"somebody-elses": "CREATE_COMPLETE"})
    with cloud.answering() as stack:
        stack.discard(prepared(stack))
    assert (cloud.status, [*cloud.change_sets]) == ("REVIEW_IN_PROGRESS", ["somebody-elses"])


def test_a_stack_that_is_being_made_is_not_deleted_by_a_change_set_that_is_discarded() -> None:
    cloud = CloudFormation()
    with cloud.answering() as stack:
        made = prepared(stack)
        cloud.status = "CREATE_IN_PROGRESS"
        stack.discard(made)
    assert cloud.status == "CREATE_IN_PROGRESS"


def test_what_cannot_be_forgotten_is_named_with_what_removes_it() -> None:
    cloud = CloudFormation("UPDATE_COMPLETE", forgetting=lambda: _refused("You may not"))
    with cloud.answering() as stack:
        made = prepared(stack)
        with pytest.raises(DeployError, match=f"delete-change-set .*{made.name}.*You may not"):
            stack.discard(made)
