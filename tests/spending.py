"""What the service asks of others meanwhile: calls of each AWS service and of partners, units."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient

from bench.capacity import Bill, billed
from chalicelib.adapters import tables
from tests.partner import Partner

#: What calls of partners stand under, beside AWS's services.
PARTNERS = "partners"


@dataclass(frozen=True)
class Cost:
    """Calls by whom they are of, and the units of those of DynamoDB."""

    calls: Mapping[str, int]
    writes: float = 0
    reads: float = 0

    def is_over(self, ceiling: "Cost") -> bool:
        """Whether any of it is more than it may be; what has no ceiling may not be called."""
        return (
            any(count > ceiling.calls.get(of, 0) for of, count in self.calls.items())
            or self.writes > ceiling.writes
            or self.reads > ceiling.reads
        )


@dataclass
class Spent:
    """What was spent until now."""

    bill: Bill = field(default_factory=Bill)
    calls: Counter[str] = field(default_factory=Counter)
    partners: tuple[Partner, ...] = ()

    def taken(self) -> Cost:
        """Return what was spent since this was asked for."""
        bill, calls = self.bill, dict(self.calls)
        if heard := sum(len(partner.received) for partner in self.partners):
            calls[PARTNERS] = heard
        # A client that is not the one which all rows share would not be in the bill.
        assert bill.round_trips == calls.get("dynamodb", 0)
        found = Cost(calls, bill.write_units, bill.read_units)
        self.calls.clear()
        for partner in self.partners:
            partner.received.clear()
        bill.round_trips, bill.write_units, bill.read_units = 0, 0.0, 0.0
        return found


@contextmanager
def spending(*partners: Partner) -> Iterator[Spent]:
    """Count all calls of AWS of this process, whatever client makes them, and of `partners`."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # its stubs show what is public
    spent = Spent(partners=partners)

    def counted(client: BaseClient, operation: str, params: dict[str, Any]) -> Any:  # noqa: ANN401 - any answer
        spent.calls[client.meta.service_model.service_name] += 1
        return call(client, operation, params)

    with patch.object(BaseClient, "_make_api_call", counted), billed(spent.bill, tables.client()):
        yield spent
