"""A CloudFormation stack: read, changed through change sets, deleted; each with a deadline."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from infra.changes import TABLE, Change
from infra.cloud import Cloud
from infra.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.literals import ChangeSetTypeType
    from mypy_boto3_cloudformation.type_defs import (
        ParameterTypeDef,
        StackEventTypeDef,
        StackTypeDef,
    )

DEADLINE_SECONDS = 1800.0
_LOCAL_PAUSE_SECONDS = 0.1
_PAUSE_SECONDS = 2.0
_REASONS_SHOWN = 3

# SAM templates expand in the cloud; roles carry names that CloudFormation makes up.
_CAPABILITIES: Sequence[str] = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
_NOTHING_TO_CHANGE = ("didn't contain changes", "no updates are to be performed", "no changes")
# A stack that was never finished can only be deleted.
_DEAD_ENDS = frozenset({"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"})
# A change set was made for it, and never executed.
_NEVER_MADE = "REVIEW_IN_PROGRESS"


class DeployError(OperatorError):
    """The cloud could not make or remove what was asked for; says why in a line."""


@dataclass(frozen=True)
class TemplateSource:
    """A template as CloudFormation takes it: its text, or where a long one lies."""

    body: str | None = None
    url: str | None = None

    def arguments(self) -> dict[str, str]:
        """Return the arguments of the API that name the template."""
        found = {"TemplateBody": self.body, "TemplateURL": self.url}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class ChangeSet:
    """What CloudFormation would do to a stack, until it is told to do it."""

    name: str
    kind: "ChangeSetTypeType"
    changes: tuple[Change, ...]


class Stack:
    """One stack by its name."""

    def __init__(self, cloud: Cloud, name: str, report: Callable[[str], None]) -> None:
        self.name = name
        self._client: CloudFormationClient = cloud.cloudformation
        self._pause = _LOCAL_PAUSE_SECONDS if cloud.is_local else _PAUSE_SECONDS
        self._report = report

    def outputs(self) -> dict[str, str]:
        """Return what the stack tells of itself; an error when there is no such stack."""
        found = self._describe()
        if found is None:
            raise OperatorError(f"There is no stack {self.name}.")
        return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}

    def parameters(self) -> dict[str, str]:
        """Return the parameters that the stack keeps; none of one to be created."""
        found = self._describe()
        if found is None or found["StackStatus"] in {*_DEAD_ENDS, _NEVER_MADE}:
            return {}
        return {
            each["ParameterKey"]: each.get("ParameterValue", "")
            for each in found.get("Parameters", [])
        }

    def physical_id(self, logical_id: str) -> str:
        """Return what a resource of the template is called in the cloud."""
        answer = self._client.describe_stack_resource(
            StackName=self.name, LogicalResourceId=logical_id
        )
        return answer["StackResourceDetail"]["PhysicalResourceId"]

    def tables(self) -> tuple[str, ...]:
        """Return the names of the stack's tables; none where there is no stack."""
        if self._describe() is None:
            return ()
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return tuple(
            each["PhysicalResourceId"]
            for page in pages
            for each in page["StackResourceSummaries"]
            if each["ResourceType"] == TABLE and each["ResourceStatus"] != "DELETE_COMPLETE"
        )

    def prepare(
        self,
        template: TemplateSource,
        parameters: Mapping[str, str],
        *,
        kept: Collection[str] = (),
    ) -> ChangeSet | None:
        """Have the cloud work out what is to be done, without doing it; None: nothing.

        The parameters `kept` stay as they are. What is prepared is executed or discarded; what
        could not be, or was interrupted meanwhile, is discarded already.
        """
        ends = time.monotonic() + DEADLINE_SECONDS
        kind = self._prepare(ends)
        name = f"deploy-{time.time_ns()}"
        given: list[ParameterTypeDef] = [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in sorted(parameters.items())
        ]
        given += [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted(kept)]
        try:
            self._client.create_change_set(
                StackName=self.name,
                ChangeSetName=name,
                ChangeSetType=kind,
                Capabilities=list(_CAPABILITIES),  # type: ignore[arg-type]  # literals in a constant
                Parameters=given,
                **template.arguments(),  # type: ignore[arg-type]  # TemplateBody or TemplateURL
            )
            if self._await_change_set(name, ends):
                return ChangeSet(name=name, kind=kind, changes=self._changes(name))
        except BaseException:  # also when it is interrupted
            self._forget(name)
            raise
        self._forget(name)
        return None

    def execute(self, prepared: ChangeSet) -> None:
        """Do what was prepared, and wait until it is done; raises DeployError."""
        before = self._newest_event()
        try:
            self._client.execute_change_set(StackName=self.name, ChangeSetName=prepared.name)
        except ClientError:  # it was refused; of anything else nobody knows whether it began
            self._forget(prepared.name)
            raise
        doing = "Creating" if prepared.kind == "CREATE" else "Updating"
        self._report(f"{doing} the stack {self.name}")
        status = self._await_end(before, time.monotonic() + DEADLINE_SECONDS)
        if status != f"{prepared.kind}_COMPLETE":
            raise DeployError(f"Stack {self.name}: {self._why(before) or status}")

    def discard(self, prepared: ChangeSet) -> None:
        """Forget what was prepared, and the stack that would have been made.

        Raises DeployError, with what removes it, where that cannot be done.
        """
        self._forget(prepared.name)

    def delete(self) -> None:
        """Delete the stack; fine when there is none."""
        found = self._describe()
        if found is None:
            return
        before = self._newest_event()
        self._client.delete_stack(StackName=self.name)
        self._report(f"Deleting the stack {self.name}")
        status = self._await_end(before, time.monotonic() + DEADLINE_SECONDS)
        if status not in {"", "DELETE_COMPLETE"}:
            raise DeployError(f"Stack {self.name}: {self._why(before) or status}")

    def _prepare(self, ends: float) -> "ChangeSetTypeType":
        found = self._describe()
        status = found["StackStatus"] if found else ""
        if status in _DEAD_ENDS:
            self.delete()
            return "CREATE"
        if not status or status == _NEVER_MADE:
            return "CREATE"
        if status.endswith("_CLEANUP_IN_PROGRESS"):
            self._await_end("", ends)
        elif status.endswith("_IN_PROGRESS"):
            raise DeployError(f"Stack {self.name} is being changed by somebody else ({status}).")
        return "UPDATE"

    def _forget(self, change_set: str) -> None:
        try:
            if self._describe() is None:
                return  # it was never begun
            self._client.delete_change_set(StackName=self.name, ChangeSetName=change_set)
            found = self._describe()
            if found and found["StackStatus"] == _NEVER_MADE and not self._has_others(change_set):
                self._client.delete_stack(StackName=self.name)
        except (ClientError, BotoCoreError) as error:
            raise DeployError(
                f"Nothing was changed, but a change set was left behind. Remove it: `aws"
                f" cloudformation delete-change-set --stack-name {self.name} --change-set-name"
                f" {change_set}` ({' '.join(str(error).split())})"
            ) from error

    def _has_others(self, change_set: str) -> bool:
        """Return whether somebody else has prepared something as well."""
        pages = self._client.get_paginator("list_change_sets").paginate(StackName=self.name)
        return any(
            each["ChangeSetName"] != change_set
            and not each.get("Status", "").startswith("DELETE_")
            and each.get("Status") != "FAILED"
            for page in pages
            for each in page["Summaries"]
        )

    def _describe(self) -> "StackTypeDef | None":
        try:
            stacks = self._client.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in error.response["Error"].get("Message", ""):
                return None
            raise
        # An emulator may go on showing a stack that is gone.
        return next((each for each in stacks if each["StackStatus"] != "DELETE_COMPLETE"), None)

    def _await_change_set(self, name: str, ends: float) -> bool:
        """Return whether the change set, now complete, changes anything."""
        while True:
            answer = self._client.describe_change_set(StackName=self.name, ChangeSetName=name)
            if answer["Status"] == "CREATE_COMPLETE":
                return True
            reason = answer.get("StatusReason", "")
            if answer["Status"] == "FAILED":
                if any(words in reason.lower() for words in _NOTHING_TO_CHANGE):
                    return False
                raise DeployError(f"Stack {self.name}: {' '.join(reason.split())}")
            self._rest(ends)

    def _changes(self, name: str) -> tuple[Change, ...]:
        pages = self._client.get_paginator("describe_change_set").paginate(
            StackName=self.name,
            ChangeSetName=name,
            IncludePropertyValues=True,  # whether a table's protection goes on or off
        )
        return tuple(
            Change.read(each["ResourceChange"])
            for page in pages
            for each in page.get("Changes", [])
            if "ResourceChange" in each
        )

    def _await_end(self, before: str, ends: float) -> str:
        """Return the status the stack comes to rest in; nothing when it is gone."""
        told = 0
        while True:
            found = self._describe()
            if found is None:
                return ""
            status = str(found["StackStatus"])
            if not status.endswith("_IN_PROGRESS"):
                return status
            done = {
                event["LogicalResourceId"]
                for event in self._events_since(before)
                if event.get("ResourceStatus", "").endswith("_COMPLETE")
            }
            if len(done) > told:
                told = len(done)
                self._report(f"Stack {self.name}: {told} resources done")
            self._rest(ends)

    def _rest(self, ends: float) -> None:
        if time.monotonic() > ends:
            raise DeployError(f"Stack {self.name} took over {DEADLINE_SECONDS:.0f} seconds.")
        time.sleep(self._pause)

    def _newest_event(self) -> str:
        events = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        return events[0]["EventId"] if events else ""

    def _events_since(self, event_id: str) -> "list[StackEventTypeDef]":
        """Return the events after that one, oldest first."""
        found: list[StackEventTypeDef] = []
        pages = self._client.get_paginator("describe_stack_events").paginate(StackName=self.name)
        for page in pages:
            for event in page["StackEvents"]:
                if event["EventId"] == event_id:
                    return found[::-1]
                found.append(event)
        return found[::-1]

    def _why(self, before: str) -> str:
        """Return what failed first; what was cancelled because of it says nothing."""
        failed = [
            event
            for event in self._events_since(before)
            if event.get("ResourceStatus", "").endswith("_FAILED")
            and "cancelled" not in event.get("ResourceStatusReason", "").lower()
        ]
        own = [event for event in failed if event["LogicalResourceId"] != self.name]
        reasons = [
            f"{event['LogicalResourceId']} ({event.get('ResourceType', '?')}):"
            f" {' '.join(event.get('ResourceStatusReason', 'no reason given').split())}"
            for event in (own or failed)[:_REASONS_SHOWN]
        ]
        return "; ".join(reasons)
