"""Partners' keys on the bus of a stack, and their messages that were refused.

There is no route for this: who can derive a key's secret is who may read the stack's root secret,
which is the function that verifies, and operators.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from pydantic import ValidationError
from pynamodb.exceptions import PynamoDBException
from pynamodb.models import Model

from chalicelib.adapters import tables
from chalicelib.adapters.bus_key_store import DynamoBusKeys
from chalicelib.adapters.parked_messages import DynamoParkedMessages
from chalicelib.domain.access import Actor, Level
from chalicelib.domain.bus_keys import BusKey, NewBusKey
from chalicelib.domain.errors import InvalidInputError
from chalicelib.domain.inbound import Parked
from chalicelib.usecases import bus_keys as usecase
from infra import deploy, service_keys
from infra.cloud import LOCAL_KEY, Cloud, one_clear_line
from infra.errors import OperatorError
from infra.local import RunningStack
from infra.operator_api import OPERATOR

#: So many refused messages of a day are shown.
SHOWN_PARKED = 100


@contextmanager
def _told_clearly() -> Iterator[None]:
    try:
        with one_clear_line():
            yield
    except PynamoDBException as error:
        raise OperatorError(" ".join(str(error.cause or error).split())) from error


@dataclass(frozen=True)
class Place:
    """Where a stack keeps its keys: its cloud and outputs; `who` Audit hears of."""

    cloud: Cloud
    outputs: dict[str, str]
    who: str

    @property
    def operator(self) -> Actor:
        """The operator, as Audit hears of who made or ended a key."""
        return Actor(
            id=OPERATOR,
            name=self.who,
            role="SuperAdmin",
            level=Level.SUPERADMIN,
            department=None,
        )

    @property
    def keys(self) -> DynamoBusKeys:
        """The stack's keys of partners."""
        return DynamoBusKeys(self._row(tables.BusKeyRow, "KeysTableName"))

    @property
    def parked(self) -> DynamoParkedMessages:
        """The messages that the stack refused."""
        return DynamoParkedMessages(self._row(tables.ParkedRow, "WorkTableName"))

    def root(self) -> str:
        """Return what the secrets of this stack's keys are derived from."""
        arn = self._named("BusKeysSecretArn")
        return str(self.cloud.secretsmanager.get_secret_value(SecretId=arn)["SecretString"])

    def _named(self, output: str) -> str:
        if output not in self.outputs:
            raise OperatorError(f"The stack tells of no {output}; deploy it again.")
        return self.outputs[output]

    def _row(self, row: type[Model], output: str) -> Any:  # noqa: ANN401 - made at run time
        """Return a row class of its own for this stack: the service's has another connection."""
        meta: dict[str, Any] = {"table_name": self._named(output), "region": self.cloud.region}
        if self.cloud.endpoint_url:
            meta["host"] = self.cloud.endpoint_url
        if self.cloud.is_local:
            meta |= {"aws_access_key_id": LOCAL_KEY, "aws_secret_access_key": LOCAL_KEY}
        return type(row.__name__, (row,), {"Meta": type("Meta", (), meta)})


def of_local(stack: RunningStack) -> Place:
    """Return where a local stack keeps its keys."""
    cloud = Cloud(region=stack.region, endpoint_url=stack.endpoint_url)
    return Place(cloud, stack.outputs, OPERATOR)


def of_deployed(stack_name: str, *, region: str, endpoint_url: str | None) -> Place:
    """Return where a deployed stack keeps its keys; the caller's credentials say who asks."""
    outputs = deploy.outputs(stack_name, endpoint_url=endpoint_url, region=region)
    cloud = Cloud(region=region, endpoint_url=endpoint_url)
    with one_clear_line():
        return Place(cloud, outputs, cloud.sts.get_caller_identity()["Arn"])


def create(
    place: Place, *, source: str, types: list[str], departments: list[str], expires: str | None
) -> tuple[BusKey, str]:
    """Make a key and return it with its secret; `expires` as for API keys.

    Raises OperatorError with all that is wrong.
    """
    now = datetime.now(UTC)
    try:
        new = NewBusKey.model_validate(
            {
                "source": source,
                "types": types,
                "departments": departments,
                "expiresAt": service_keys.moment(expires) if expires else None,
            }
        )
        with _told_clearly():
            root = place.root()
            return usecase.create(new, by=place.operator, at=now, keys=place.keys, root=root)
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise OperatorError("; ".join(wrong)) from None
    except InvalidInputError as error:
        raise OperatorError("; ".join(f"{e.field}: {e.message}" for e in error.errors)) from None


def every(place: Place) -> tuple[BusKey, ...]:
    """Return all keys, newest first; not their secrets."""
    with _told_clearly():
        return usecase.list_all(by=place.operator, keys=place.keys)


def revoke(place: Place, key_id: str) -> BusKey:
    """End a key at once and for good; raises OperatorError."""
    with _told_clearly():
        ended = usecase.revoke(key_id, by=place.operator, at=datetime.now(UTC), keys=place.keys)
    if ended is None:
        raise OperatorError(f"There is no key {key_id}.")
    return ended


def parked(place: Place, day: date | None) -> tuple[Parked, ...]:
    """Return the messages of a day (UTC; default: today) that were refused, newest first."""
    with _told_clearly():
        return place.parked.of_day(day or datetime.now(UTC).date(), limit=SHOWN_PARKED)


def shown(key: BusKey, secret: str) -> str:
    """Return a new key as JSON: the only time that its secret is seen."""
    return json.dumps({"keyId": key.key_id, "secret": secret})


def line(key: BusKey) -> str:
    """Return one key as a line for people."""
    state = "active" if key.is_active else f"revoked {key.revoked_at}"
    ends = f"until {key.expires_at}" if key.expires_at else "without end"
    reach = f"{','.join(key.types)} for {','.join(key.departments)}"
    return f"{key.key_id}  {key.source}: {state}, {ends}; {reach}"
