"""A CloudFormation stack: read, changed through change sets, deleted; each with a deadline."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.cloud import Cloud
from infra.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.literals import ChangeSetTypeType
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef

DEADLINE_SECONDS = 1800.0
_LOCAL_PAUSE_SECONDS = 0.1
_PAUSE_SECONDS = 2.0
_REASONS_SHOWN = 3

# SAM templates expand in the cloud; roles carry names that CloudFormation makes up.
_CAPABILITIES: Sequence[str] = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
_NOTHING_TO_CHANGE = ("didn't contain changes", "no updates are to be performed", "no changes")
# A stack that was never finished can only be deleted.
_DEAD_ENDS = frozenset({"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"})


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

    def apply(self, template: TemplateSource, parameters: Mapping[str, str]) -> bool:
        """Create the stack or change it; tell whether there was anything to do."""
        ends = time.monotonic() + DEADLINE_SECONDS
        kind = self._prepare(ends)
        name = f"deploy-{time.time_ns()}"
        self._client.create_change_set(
            StackName=self.name,
            ChangeSetName=name,
            ChangeSetType=kind,
            Capabilities=list(_CAPABILITIES),  # type: ignore[arg-type]  # literals in a constant
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in sorted(parameters.items())
            ],
            **template.arguments(),  # type: ignore[arg-type]  # TemplateBody or TemplateURL
        )
        if not self._await_change_set(name, ends):
            self._client.delete_change_set(StackName=self.name, ChangeSetName=name)
            return False
        before = self._newest_event()
        self._client.execute_change_set(StackName=self.name, ChangeSetName=name)
        self._report(f"{'Creating' if kind == 'CREATE' else 'Updating'} the stack {self.name}")
        wanted = f"{kind}_COMPLETE"
        status = self._await_end(before, ends)
        if status != wanted:
            raise DeployError(f"Stack {self.name}: {self._why(before) or status}")
        return True

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
        if not status or status == "REVIEW_IN_PROGRESS":
            return "CREATE"
        if status.endswith("_CLEANUP_IN_PROGRESS"):
            self._await_end("", ends)
        elif status.endswith("_IN_PROGRESS"):
            raise DeployError(f"Stack {self.name} is being changed by somebody else ({status}).")
        return "UPDATE"

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
