"""Changes are shown and judged before they are made."""

import io

import pytest
from rich.console import Console

from infra.changes import SECRET, TABLE, Change, review
from infra.errors import OperatorError

CODE = Change("Modify", "Relay", "AWS::Lambda::Function", "False")
REPLACED = Change("Modify", "RequestsTable", TABLE, "True")
REMOVED = Change("Remove", "KeysTable", TABLE, "")
PERHAPS = Change("Modify", "BudgetsTable", TABLE, "Conditional")


UNPROTECTED = Change(
    "Modify", "HoldsTable", TABLE, "False", frozenset({"DeletionProtectionEnabled"})
)


class Person:
    """Who is asked, and answers always the same."""

    def __init__(self, *, answer: bool) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def __call__(self, question: str) -> bool:
        self.asked.append(question)
        return self.answer


def reviewed(
    *changes: Change,
    stage: str = "prod",
    agreed: bool = False,
    replaces_tables: bool = False,
    person: Person | None = None,
) -> str:
    """Return what was shown."""
    shown = io.StringIO()
    review(
        changes,
        stage=stage,
        console=Console(file=shown, width=120),
        agreed=agreed,
        replaces_tables=replaces_tables,
        ask=person,
    )
    return shown.getvalue()


def test_a_change_is_read_as_cloudformation_tells_it() -> None:
    told = {
        "Action": "Modify",
        "LogicalResourceId": "RequestsTable",
        "ResourceType": TABLE,
        "Replacement": "True",
    }
    assert Change.read(told) == REPLACED  # type: ignore[arg-type]  # literals of botocore


def told_of_a_secret(*properties: str, replacement: str = "False") -> Change:
    """Return what CloudFormation tells of a secret whose properties would change."""
    targets = [{"Target": {"Attribute": "Properties", "Name": each}} for each in properties]
    told = {
        "Action": "Modify",
        "LogicalResourceId": "JwtSecretValue",
        "ResourceType": SECRET,
        "Replacement": replacement,
        "Details": targets,
    }
    return Change.read(told)  # type: ignore[arg-type]  # literals of botocore


@pytest.mark.parametrize("stage", ["dev", "prod"])
@pytest.mark.parametrize(
    "change",
    [
        told_of_a_secret("SecretString"),
        told_of_a_secret("Description", "GenerateSecretString"),
        told_of_a_secret("Name", replacement="True"),
    ],
)
def test_a_deployment_that_would_change_a_secrets_value_is_refused(
    change: Change, stage: str
) -> None:
    with pytest.raises(OperatorError, match="JwtSecretValue would get another value"):
        reviewed(change, stage=stage, agreed=True, replaces_tables=True)


def test_what_else_is_said_of_a_secret_may_change() -> None:
    assert reviewed(told_of_a_secret("Description", "KmsKeyId"), agreed=True)


def test_nothing_to_change_is_nothing_to_ask() -> None:
    assert not reviewed(person=None)


def test_every_change_is_shown_and_lost_tables_come_first() -> None:
    lines = reviewed(CODE, REPLACED, stage="dev").splitlines()
    assert lines[0].split() == ["Action", "Resource", "Type", "Replaced"]
    assert lines[1].split() == ["Modify", "RequestsTable", TABLE, "yes"]
    assert lines[2].split() == ["Modify", "Relay", "AWS::Lambda::Function"]


@pytest.mark.parametrize("stage", ["local", "dev"])
def test_open_stages_are_not_asked_for(stage: str) -> None:
    person = Person(answer=False)
    reviewed(CODE, REMOVED, stage=stage, person=person)
    assert person.asked == []


@pytest.mark.parametrize("stage", ["prod", "staging", "a-stage-nobody-thought-of"])
def test_every_other_stage_takes_a_yes(stage: str) -> None:
    person = Person(answer=True)
    reviewed(CODE, stage=stage, person=person)
    assert person.asked == [f"Do this to the stage {stage}?"]

    with pytest.raises(OperatorError, match=r"Nothing was changed\.$"):
        reviewed(CODE, stage=stage, person=Person(answer=False))
    with pytest.raises(OperatorError, match="nobody is there to ask; say --yes"):
        reviewed(CODE, stage=stage)
    assert reviewed(CODE, stage=stage, agreed=True)


@pytest.mark.parametrize("change", [REPLACED, REMOVED])
def test_a_table_is_given_up_only_where_that_is_said(change: Change) -> None:
    for agreed in (True, False):
        with pytest.raises(OperatorError, match=f"{change.logical_id} would be replaced"):
            reviewed(CODE, change, agreed=agreed, person=Person(answer=True))
    assert reviewed(CODE, change, agreed=True, replaces_tables=True)


@pytest.mark.parametrize("change", [PERHAPS, UNPROTECTED])
def test_a_table_that_may_be_replaced_or_unprotected_takes_a_person_or_its_flag(
    change: Change,
) -> None:
    with pytest.raises(OperatorError, match=f"say --replace-tables for {change.logical_id}"):
        reviewed(change, agreed=True)
    person = Person(answer=True)
    reviewed(change, agreed=True, person=person)
    assert len(person.asked) == 1
    assert reviewed(change, agreed=True, replaces_tables=True)


def told_of_a_table(name: str, **target: str) -> Change:
    """Return what CloudFormation tells of a table of which one property changes."""
    told = {
        "Action": "Modify",
        "LogicalResourceId": "HoldsTable",
        "ResourceType": TABLE,
        "Replacement": "False",
        "Details": [{"Target": {"Attribute": "Properties", "Name": name, **target}}],
    }
    return Change.read(told)  # type: ignore[arg-type]  # literals of botocore


@pytest.mark.parametrize(
    ("name", "off", "on"),
    [
        ("DeletionProtectionEnabled", "false", "true"),
        (
            "PointInTimeRecoverySpecification",
            '{"PointInTimeRecoveryEnabled":"false"}',
            '{"PointInTimeRecoveryEnabled":"true"}',
        ),
    ],
)
def test_protection_that_goes_or_may_go_from_a_table_is_shown_above_the_rest(
    name: str, off: str, on: str
) -> None:
    for gone in (told_of_a_table(name), told_of_a_table(name, AfterValue=off)):
        assert gone.may_lose_data
        lines = reviewed(CODE, gone, agreed=True, replaces_tables=True).splitlines()
        assert lines[1].split() == ["Modify", "HoldsTable", TABLE, "no,", "unprotected"]
    assert not told_of_a_table(name, AfterValue=on).may_lose_data
    assert not told_of_a_table("GlobalSecondaryIndexes").may_lose_data
