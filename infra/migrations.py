"""The migrations of the data there are, in order: what needs each, and what becomes of it.

A row is read and written by every release as that release's code does it; a migration rewrites the
rows that nobody writes anyway, so that the next release need not know the old form.

To add one: append it with the next number. It must bear being done twice, and a release that reads
both forms must be deployed before it is run. It never changes the words of what a row tells: where
they differ, the relay tells them again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.adapters.request_rows import rewritten
from chalicelib.adapters.rows.requests import RequestRow

#: A row as DynamoDB has it: attribute to typed value.
Item = Mapping[str, Any]

#: What a migration leaves alone.
UNTOUCHED = frozenset({"pk", "sk"})


@dataclass(frozen=True)
class Migration:
    """Rows of one table that become others.

    `table` is the stack's output that names the table, `kind` the `sk` of the rows. `rewrite`
    returns the row as it should be; one that is so already needs nothing. `guard` is the attribute
    that every other writer of the row changes.
    """

    number: int
    name: str
    table: str
    kind: str
    guard: str
    rewrite: Callable[[Item], Item]

    @property
    def id(self) -> str:
        """What it is called, in order: `0001-reindex-requests`."""
        return f"{self.number:04d}-{self.name}"

    def changes(self, item: Item) -> dict[str, Any | None]:
        """Return what is to be set in a row, None for what is to go; empty: it needs nothing."""
        wanted = self.rewrite(item)
        names = (item.keys() | wanted.keys()) - UNTOUCHED
        return {name: wanted.get(name) for name in names if item.get(name) != wanted.get(name)}


def _as_written_today(item: Item) -> Item:
    """Return a request's row as today's code packs, indexes and summarises it."""
    row = RequestRow()
    row.deserialize(dict(item))
    today = rewritten(row)
    if today is row:
        return item
    # Attributes that no code of ours knows any more stay: they may be of a newer release.
    known = row.get_attributes().keys()
    strangers = {name: value for name, value in item.items() if name not in known}
    return {**strangers, **today.serialize()}


MIGRATIONS: tuple[Migration, ...] = (
    # Requests that nobody has written since rows were packed cost three times as much to read; and
    # after a change of the summary or of what an index is keyed by, lists show the old ones.
    Migration(1, "rewrite-requests", "RequestsTableName", "REQUEST", "version", _as_written_today),
)
