"""Partners' keys on the bus of a stack, and their messages that were refused.

There is no route for this: who can derive a key's secret is who may read the stack's root secret,
which is the function that verifies, and operators.
"""

import json
from datetime import UTC, date, datetime

from pydantic import ValidationError

from chalicelib.adapters.bus_key_store import DynamoBusKeys
from chalicelib.adapters.parked_messages import DynamoParkedMessages
from chalicelib.adapters.rows.keys import BusKeyRow
from chalicelib.adapters.rows.work import ParkedRow
from chalicelib.domain.bus_keys import BusKey, NewBusKey
from chalicelib.domain.errors import InvalidInputError
from chalicelib.domain.inbound import Parked
from chalicelib.usecases import bus_keys as usecase
from infra import service_keys
from infra.errors import OperatorError
from infra.place import Place, told_clearly
from infra.secret_names import SecretName

#: So many refused messages of a day are shown.
SHOWN_PARKED = 100


def _keys(place: Place) -> DynamoBusKeys:
    return DynamoBusKeys(place.row(BusKeyRow, "KeysTableName"))


def _parked(place: Place) -> DynamoParkedMessages:
    return DynamoParkedMessages(place.row(ParkedRow, "WorkTableName"))


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
        with told_clearly():
            root = place.secret(SecretName.BUS_KEYS_SECRET).read()
            return usecase.create(new, by=place.operator, at=now, keys=_keys(place), root=root)
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise OperatorError("; ".join(wrong)) from None
    except InvalidInputError as error:
        raise OperatorError("; ".join(f"{e.field}: {e.message}" for e in error.errors)) from None


def every(place: Place) -> tuple[BusKey, ...]:
    """Return all keys, newest first; not their secrets."""
    with told_clearly():
        return usecase.list_all(by=place.operator, keys=_keys(place))


def revoke(place: Place, key_id: str) -> BusKey:
    """End a key at once and for good; raises OperatorError."""
    with told_clearly():
        ended = usecase.revoke(key_id, by=place.operator, at=datetime.now(UTC), keys=_keys(place))
    if ended is None:
        raise OperatorError(f"There is no key {key_id}.")
    return ended


def parked(place: Place, day: date | None) -> tuple[Parked, ...]:
    """Return the messages of a day (UTC; default: today) that were refused, newest first."""
    with told_clearly():
        return _parked(place).of_day(day or datetime.now(UTC).date(), limit=SHOWN_PARKED)


def shown(key: BusKey, secret: str) -> str:
    """Return a new key as JSON: the only time that its secret is seen."""
    return json.dumps({"keyId": key.key_id, "secret": secret})


def line(key: BusKey) -> str:
    """Return one key as a line for people."""
    state = "active" if key.is_active else f"revoked {key.revoked_at}"
    ends = f"until {key.expires_at}" if key.expires_at else "without end"
    reach = f"{','.join(key.types)} for {','.join(key.departments)}"
    return f"{key.key_id}  {key.source}: {state}, {ends}; {reach}"
