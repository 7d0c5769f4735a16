"""Rows of the table of budgets: what Finance said, what is held, what is told of it."""

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute

from chalicelib.adapters.tables import InBudgets, WholeAttribute


class BudgetRow(InBudgets):
    """A department's budget for a period: what Finance said, and what is left to promise.

    Without `figures` the budget is unknown, however much an override holds of it. `fetches` counts
    the fetches that began, `figures_fetch` is the one that brought these figures.

    What is claimed is held, or was begun to be released at Finance; what is reserved was confirmed
    by it. The amounts of all it was begun to be told are sent, of all it confirmed, heard; the last
    three only grow, but that what it refuses was not sent. So `remaining + reserved - claimed` is
    what is available, where what Finance knew when it looked is known to us.
    """

    sk = UnicodeAttribute(range_key=True, default="BUDGET")
    figures = UnicodeAttribute(null=True)
    figures_version = WholeAttribute(null=True)
    figures_fetch = WholeAttribute(null=True)
    fetches = WholeAttribute(null=True)
    remaining_cents = WholeAttribute(null=True)
    claimed_cents = WholeAttribute(null=True)
    reserved_cents = WholeAttribute(null=True)
    sent_cents = WholeAttribute(null=True)
    heard_cents = WholeAttribute(null=True)
    available_cents = WholeAttribute(null=True)
    doubt_cents = WholeAttribute(null=True)
    last_synced_at = UnicodeAttribute(null=True)
    is_stale = BooleanAttribute(null=True)
    failed_at = UnicodeAttribute(null=True)
    failure = UnicodeAttribute(null=True)
    over_committed_since = UnicodeAttribute(null=True)
    events_so_far = WholeAttribute(null=True)


class FiguresRow(InBudgets):
    """What Finance once said of a budget, one row for each time it said something different."""

    body = UnicodeAttribute()


class BudgetOutboxRow(InBudgets):
    """What is told of the last sync of a budget.

    Apart from the budget itself, whose every hold would wake the relay with it again.
    """

    sk = UnicodeAttribute(range_key=True, default="OUTBOX")
    outbox = UnicodeAttribute()


class HoldRow(InBudgets):
    """How far a hold, named by its approval's event, has come with Finance; no row for nothing."""

    stage = WholeAttribute()
