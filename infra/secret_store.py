"""A stack's secrets: which there are, the versions of each, and the overlap of two."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.adapters.secrets import OVERLAP_DAYS
from infra.cloud import Cloud
from infra.secret_names import RESOURCES, SecretName

if TYPE_CHECKING:
    from infra.stack import Stack

_CURRENT, _PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"


@dataclass(frozen=True)
class SecretState:
    """Since when a secret is in force, and until when the one before is accepted as well."""

    name: SecretName
    since: datetime
    overlaps_until: datetime | None

    @property
    def overlaps(self) -> bool:
        """Whether two are accepted now."""
        return self.overlaps_until is not None and datetime.now(UTC) < self.overlaps_until


@dataclass(frozen=True)
class SecretStore:
    """One secret of one stack."""

    name: SecretName
    _cloud: Cloud
    _id: str

    def read(self) -> str:
        """Return the value in force."""
        answer = self._cloud.secretsmanager.get_secret_value(SecretId=self._id)
        return answer.get("SecretString", "")

    def is_in_force(self, value: str) -> bool:
        """Whether `value` is the one in force."""
        return self.read() == value

    def put(self, value: str) -> bool:
        """Have `value` in force, and what was before accepted for a while; whether that is new."""
        if self.is_in_force(value):
            return False
        self._cloud.secretsmanager.put_secret_value(SecretId=self._id, SecretString=value)
        return True

    def end_overlap(self) -> bool:
        """Have the value before accepted no more; returns whether there was one."""
        before = self._versions().get(_PREVIOUS)
        if before is None:
            return False
        self._cloud.secretsmanager.update_secret_version_stage(
            SecretId=self._id, VersionStage=_PREVIOUS, RemoveFromVersionId=before
        )
        return True

    def state(self) -> SecretState:
        """Return how it stands."""
        current = self._cloud.secretsmanager.get_secret_value(SecretId=self._id)
        since = current["CreatedDate"].astimezone(UTC)
        ends = since + timedelta(days=OVERLAP_DAYS) if _PREVIOUS in self._versions() else None
        return SecretState(self.name, since, ends)

    def _versions(self) -> dict[str, str]:
        """Return the version in each stage."""
        described = self._cloud.secretsmanager.describe_secret(SecretId=self._id)
        versions = described.get("VersionIdsToStages", {})
        return {stage: version for version, stages in versions.items() for stage in stages}


def of_stack(cloud: Cloud, stack: "Stack", name: SecretName) -> SecretStore:
    """Return a secret of a deployed stack."""
    return SecretStore(name, cloud, stack.physical_id(RESOURCES[name]))
