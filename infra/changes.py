"""What a change set would do: read, shown as a table, and judged before it is done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from infra.dependencies import LOCAL_STAGE
from infra.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ResourceChangeTypeDef

TABLE = "AWS::DynamoDB::Table"
SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a type of resources

#: CloudFormation gives a secret a new value where one of these changes, and then alone.
_VALUES = frozenset({"SecretString", "GenerateSecretString"})

#: What keeps a table's rows from a deletion, or a while after it.
_PROTECTION = frozenset({"DeletionProtectionEnabled", "PointInTimeRecoverySpecification"})

#: Stages that may lose their data; every other one is asked for, as in the template.
OPEN_STAGES = frozenset({LOCAL_STAGE, "dev"})

_WORDS = {"True": "yes", "Conditional": "perhaps"}


@dataclass(frozen=True)
class Change:
    """What would be done to one resource, and to which of its properties.

    `replacement` is `True`, `False`, `Conditional` or ''; `turned_on` are the properties that are
    true afterwards, where the cloud says so.
    """

    action: str
    logical_id: str
    type: str
    replacement: str
    properties: frozenset[str] = frozenset()
    turned_on: frozenset[str] = frozenset()

    @staticmethod
    def read(change: "ResourceChangeTypeDef") -> "Change":
        """Return a change as CloudFormation tells it."""
        targets = [each.get("Target", {}) for each in change.get("Details", [])]
        return Change(
            action=change.get("Action", ""),
            logical_id=change.get("LogicalResourceId", ""),
            type=change.get("ResourceType", ""),
            replacement=change.get("Replacement", "") if change.get("Action") == "Modify" else "",
            properties=frozenset(each.get("Name", "") for each in targets) - {""},
            turned_on=frozenset(
                each.get("Name", "")
                for each in targets
                if "true" in each.get("AfterValue", "").lower()  # itself, or in an object's JSON
            ),
        )

    @property
    def loses_data(self) -> bool:
        """Whether the service would certainly stand before an empty table, or none."""
        return self.type == TABLE and (self.action == "Remove" or self.replacement == "True")

    @property
    def may_lose_data(self) -> bool:
        """Whether it might: what happens is known when it happens."""
        return self.loses_data or (
            self.type == TABLE and (self.replacement == "Conditional" or self.unprotects)
        )

    @property
    def unprotects(self) -> bool:
        """Whether a table would no longer be protected, or nobody says that it still would."""
        return self.type == TABLE and bool((self.properties & _PROTECTION) - self.turned_on)

    @property
    def changes_a_secret(self) -> bool:
        """Whether a secret would get another value, which may undo a rotation."""
        return self.type == SECRET and (
            self.replacement == "True" or bool(self.properties & _VALUES)
        )


def table(changes: Iterable[Change]) -> Table:
    """Return the changes for a person: what matters most first, lost tables in red."""
    shown = Table(box=None, pad_edge=False)
    for heading in ("Action", "Resource", "Type", "Replaced"):
        shown.add_column(heading, overflow="fold")  # a name that is cut short says too little
    order = sorted(changes, key=lambda c: (not c.loses_data, not c.may_lose_data, c.logical_id))
    for each in order:
        style = "bold red" if each.loses_data else "yellow" if each.may_lose_data else ""
        replaced = _WORDS.get(each.replacement) or ("no, unprotected" if each.unprotects else "")
        shown.add_row(each.action, each.logical_id, each.type, replaced, style=style)
    return shown


def review(
    changes: tuple[Change, ...],
    *,
    stage: str,
    console: Console,
    agreed: bool,
    replaces_tables: bool,
    ask: Callable[[str], bool] | None,
) -> None:
    """Show the changes, and ask where the stage is protected; raises OperatorError to stop.

    `agreed` stands for a yes, but not for a table that may be replaced or unprotected: that takes
    a person, or `replaces_tables`. Without `ask` there is nobody to answer.
    """
    if not changes:
        return
    console.print(table(changes))
    secrets = [each.logical_id for each in changes if each.changes_a_secret]
    if secrets:
        raise OperatorError(
            f"Nothing was changed: {', '.join(secrets)} would get another value than the one in"
            " force. Secrets are rotated, not deployed: take that out of the template."
        )
    if stage in OPEN_STAGES:
        return
    lost = [each.logical_id for each in changes if each.loses_data]
    if lost and not replaces_tables:
        raise OperatorError(
            f"Nothing was changed: {', '.join(lost)} would be replaced or removed, and the service"
            " would go on without what is in there. Say --replace-tables if that is meant."
        )
    unsure = [each.logical_id for each in changes if each.may_lose_data and not each.loses_data]
    if agreed and (replaces_tables or not unsure):
        return
    if ask is None:
        missing = "--yes" if not agreed else f"--replace-tables for {', '.join(unsure)}"
        raise OperatorError(f"Nothing was changed: nobody is there to ask; say {missing}.")
    if not ask(f"Do this to the stage {stage}?"):
        raise OperatorError("Nothing was changed.")
