"""Keys of the tables: the one place that spells them (docs/architecture.md lists them all)."""

from chalicelib.domain.budgets import BudgetKey


def request_pk(request_id: int) -> str:
    """Return the partition of a request and all that belongs to it."""
    return f"REQUEST#{request_id}"


def request_id_of(pk: str) -> int:
    """Return the request whose partition this is."""
    return int(pk.removeprefix("REQUEST#"))


def history_sk(first: int) -> str:
    """Return the row of the archived history that begins with entry `first` (from 0)."""
    return f"HISTORY#{first:08d}"


def supplier_sk(supplier: str) -> str:
    """Return the row that names a supplier of a request."""
    return f"SUPPLIER#{supplier}"


def budget_pk(key: BudgetKey) -> str:
    """Return the partition of a budget."""
    return f"BUDGET#{key.department}#{key.fiscal_year}#{key.fiscal_period}"


def count_pk(department: str) -> str:
    """Return the partition of a department's counts."""
    return f"COUNT#{department}"


def department_status(department: str, status: str) -> str:
    """Return the index partition of a department's requests of one status."""
    return f"{department}#{status}"
