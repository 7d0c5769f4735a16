"""Keys of the tables: the one place that spells them (docs/architecture.md lists them all)."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

# For its readers alone: the relay keeps what was told without knowing what a budget or a job is.
if TYPE_CHECKING:
    from chalicelib.domain.budgets import BudgetKey
    from chalicelib.domain.deadlines import DueKind
    from chalicelib.domain.jobs import JobName

#: What the rows begin with that hold what Finance once said of a budget.
FIGURES = "FIGURES#"


def request_pk(request_id: int) -> str:
    """Return the partition of a request and all that belongs to it."""
    return f"REQUEST#{request_id}"


def request_id_of(pk: str) -> int:
    """Return the request whose partition this is."""
    return int(pk.removeprefix("REQUEST#"))


#: What the keys of a request's mails begin with. They sort right before the request's own, with
#: nothing in between, so that one query reads the request and its newest mails.
NOTIFICATIONS = "NOTIFICATION#"


def notification_sk(created_at: datetime, notification_id: str) -> str:
    """Return the row of a mail that is about a request."""
    return f"{NOTIFICATIONS}{created_at.isoformat()}#{notification_id}"


def history_sk(first: int) -> str:
    """Return the row of the archived history that begins with entry `first` (from 0)."""
    return f"HISTORY#{first:08d}"


def told_pk(day: date) -> str:
    """Return the partition of what was told of a day's changes (UTC)."""
    return f"TOLD#{day.isoformat()}"


def told_sk(at: datetime, first_id: str) -> str:
    """Return the row of what was told of the change at a moment; they sort by it."""
    return f"{told_from(at)}#{first_id}"


def told_from(moment: datetime) -> str:
    """Return what sorts before the rows of all changes from `moment` on."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def department_supplier(department: str, supplier: str) -> str:
    """Return the index partition of a department's requests with a line of a supplier."""
    return f"{department}#{supplier}"


def supplier_sk(supplier: str) -> str:
    """Return the row that names a supplier of a request."""
    return f"SUPPLIER#{supplier}"


def budget_pk(key: "BudgetKey") -> str:
    """Return the partition of a budget."""
    return f"BUDGET#{key.department}#{key.fiscal_year}#{key.fiscal_period}"


def figures_sk(version: int) -> str:
    """Return the row of what Finance said of a budget for the `version`th time."""
    return f"{FIGURES}{version:08d}"


def hold_sk(event_id: str) -> str:
    """Return the row of what has happened to the hold of an approval's event."""
    return f"HOLD#{event_id}"


def totals_pk(department: str) -> str:
    """Return the partition of a department's totals."""
    return f"TOTALS#{department}"


def job_pk(job: "JobName") -> str:
    """Return the partition of a job: its lease and its runs."""
    return f"JOB#{job}"


def run_sk(position: str) -> str:
    """Return the row of the run that stands at `position`."""
    return f"RUN#{position}"


def deliveries_pk(subscription_id: str) -> str:
    """Return the partition of what goes to a subscriber."""
    return f"DELIVERIES#{subscription_id}"


def audit_outbox_pk(entry_id: str) -> str:
    """Return the partition of what Audit is to be told, where its queue did not take it."""
    return f"AUDIT#{entry_id}"


def event_pk(event_id: str) -> str:
    """Return the partition of an event that is kept for its deliveries."""
    return f"EVENT#{event_id}"


def due_for(department: str, kind: "DueKind") -> str:
    """Return the index partition of what is due in a department."""
    return f"{department}#{kind}"


def due_at(moment: datetime, request_id: int | None = None) -> str:
    """Return where a request that is due at `moment` stands; without it, where its moment begins.

    As sortable text.
    """
    text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    return text if request_id is None else f"{text}#{request_id}"


def aggregate_pk(department: str) -> str:
    """Return the partition of a department's days in figures."""
    return f"AGGREGATE#{department}"


def department_status(department: str, status: str) -> str:
    """Return the index partition of a department's requests of one status."""
    return f"{department}#{status}"
