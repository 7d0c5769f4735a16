"""Secrets are rotated: one more in force, one less accepted; on Secrets Manager in memory."""

from dataclasses import dataclass

import pytest

from chalicelib.adapters.secrets import OVERLAP_DAYS
from infra import rotation
from infra.cloud import Cloud
from infra.errors import OperatorError
from infra.place import Place
from infra.secret_names import RESOURCES, SecretName
from infra.secret_store import SecretStore
from tests.conftest import REGION, Aws, client
from tests.infra.operated import told_to_audit

NEW, NEWER = "n" * 32, "m" * 32
JWT = SecretName.JWT_SECRET


@dataclass(frozen=True)
class Somewhere(Place):
    """A stack that is no more than its secrets."""

    def secret(self, name: SecretName) -> SecretStore:
        return SecretStore(name, self.cloud, RESOURCES[name])


@pytest.fixture
def place(aws: Aws) -> Place:  # noqa: ARG001 - it is there
    for resource in RESOURCES.values():
        client("secretsmanager").create_secret(Name=resource, SecretString="o" * 32)
    outputs = {"WebhooksTableName": "test-webhooks"}
    return Somewhere(Cloud(region=REGION), "some-stack", outputs, "operator")


def accepted(place: Place, name: SecretName) -> list[str]:
    secrets = place.cloud.secretsmanager
    stages = secrets.describe_secret(SecretId=RESOURCES[name])["VersionIdsToStages"].values()
    return [
        secrets.get_secret_value(SecretId=RESOURCES[name], VersionStage=stage)["SecretString"]
        for stage in sorted(stage for each in stages for stage in each)
    ]


def test_a_rotation_puts_the_new_one_beside_the_old_one_until_it_is_finished(place: Place) -> None:
    assert rotation.rotate(place, JWT, NEW) == NEW
    assert accepted(place, JWT) == [NEW, "o" * 32]

    rotation.finish(place, JWT)
    assert accepted(place, JWT) == [NEW]

    rotation.rotate(place, JWT, NEWER)
    assert accepted(place, JWT) == [NEWER, NEW]


def test_nobody_is_left_behind_by_a_second_rotation_during_the_first(place: Place) -> None:
    rotation.rotate(place, JWT, NEW)
    with pytest.raises(OperatorError, match="rotate JWT_SECRET --finish"):
        rotation.rotate(place, JWT, NEWER)
    assert accepted(place, JWT) == [NEW, "o" * 32]


@pytest.mark.parametrize("name", [JWT, SecretName.BUS_SIGNING_KEY, SecretName.BUS_KEYS_SECRET])
def test_a_value_that_nobody_gives_is_made_up(place: Place, name: SecretName) -> None:
    made = rotation.rotate(place, name, None)
    assert len(made.encode()) >= 32
    assert accepted(place, name) == [made, "o" * 32]


@pytest.mark.parametrize("name", [SecretName.FINANCE_API_KEY, SecretName.AUDIT_API_KEY])
def test_a_key_that_others_issue_is_not_made_up(place: Place, name: SecretName) -> None:
    with pytest.raises(OperatorError, match=f"issues {name}: give it on stdin"):
        rotation.rotate(place, name, None)
    rotation.rotate(place, name, "short as they like")
    assert accepted(place, name)[0] == "short as they like"


@pytest.mark.parametrize(
    ("value", "wrong"), [("short", "needs at least 32 bytes"), ("o" * 32, "in force already")]
)
def test_a_value_that_will_not_do_changes_nothing_and_is_not_told(
    place: Place, aws: Aws, value: str, wrong: str
) -> None:
    with pytest.raises(OperatorError, match=wrong) as refusal:
        rotation.rotate(place, JWT, value)
    assert value not in str(refusal.value)
    assert accepted(place, JWT) == ["o" * 32]
    assert told_to_audit(aws) == []


def test_nothing_to_finish_is_said(place: Place, aws: Aws) -> None:
    with pytest.raises(OperatorError, match="JWT_SECRET is not being rotated"):
        rotation.finish(place, JWT)
    assert told_to_audit(aws) == []


def test_audit_hears_which_secret_is_rotated_and_never_its_value(place: Place, aws: Aws) -> None:
    rotation.rotate(place, JWT, NEW)
    with pytest.raises(OperatorError):
        rotation.rotate(place, JWT, NEWER)  # refused, so there is nothing to tell
    rotation.finish(place, JWT)

    told = told_to_audit(aws)
    assert [(each.action, each.record_id) for each in told] == [
        ("SECRET_ROTATE", "JWT_SECRET"),
        ("SECRET_FINISH", "JWT_SECRET"),
    ]
    assert {each.performed_by for each in told} == {"operator"}
    assert NEW not in str(told)


def test_a_rotation_that_audit_cannot_hear_of_is_none(place: Place) -> None:
    client("dynamodb").delete_table(TableName="test-webhooks")
    with pytest.raises(OperatorError):
        rotation.rotate(place, JWT, NEW)
    assert accepted(place, JWT) == ["o" * 32]


def test_how_each_secret_stands_is_a_line(place: Place) -> None:
    rotation.rotate(place, JWT, NEW)
    states = {state.name: state for state in rotation.states(place)}
    assert states.keys() == set(SecretName)
    assert "accepted until" in rotation.line(states[JWT])
    overlap = states[JWT].overlaps_until
    assert overlap is not None
    assert (overlap - states[JWT].since).days == OVERLAP_DAYS
    assert "accepted" not in rotation.line(states[SecretName.AUDIT_API_KEY])
    assert NEW not in "".join(map(rotation.line, states.values()))
