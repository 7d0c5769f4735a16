"""The row of a request: what it keeps packed, and how rows of the form before that are read."""

from chalicelib.adapters.keys import department_status, due_at, due_for, request_pk
from chalicelib.adapters.packing import pack, text_of, unpack
from chalicelib.adapters.rows.requests import RequestRow
from chalicelib.domain.deadlines import due
from chalicelib.domain.listing import Summary, position
from chalicelib.domain.messages import Outbox
from chalicelib.domain.requests import BudgetRequest

#: What of a row the indexes and conditions go by, besides its version.
_INDEXED = (
    "department",
    "requested_by",
    "department_status",
    "linked_to",
    "listed",
    "due_for",
    "due_at",
)


#: What of a request its summary shows.
_SHOWN = set(Summary.model_fields)

#: In the place of what is told, where nothing is.
_NOTHING_TOLD = ""


def row_of(request: BudgetRequest, told: Outbox) -> RequestRow:
    """Return the row of a request as it is after a change, of which `told` is told."""
    # Most fields of most requests are none.
    return _row(request, request.model_dump_json(exclude_none=True), told.model_dump_json())


def _row(request: BudgetRequest, state: str, told: str) -> RequestRow:
    row = RequestRow(
        pk=request_pk(request.id),
        version=request.version,
        department=request.department,
        requested_by=request.requested_by,
    )
    summary = ""
    if not request.is_deleted:  # what is deleted leaves the list indexes
        summary = _summary_of(request)
        row.listed = position(request)
        row.department_status = department_status(request.department, request.status)
        row.linked_to = request.linked_purchase_request_id
        row.summary = pack(summary)
    row.body = pack(state, told, known=summary)
    next_look = due(request)
    if next_look:
        row.due_for = due_for(request.department, next_look.kind)
        row.due_at = due_at(next_look.at, request.id)
    return row


def request_in(row: RequestRow) -> BudgetRequest:
    """Return the request of a row, be it deleted; raises UnreadableError."""
    return BudgetRequest.model_validate_json(_texts(row)[0])


def told_by(row: RequestRow) -> str:
    """Return the JSON of what is told of a row's last change, empty for nothing.

    Raises UnreadableError.
    """
    return _texts(row)[1]


def summary_in(summary: bytes | str) -> Summary:
    """Return what lists show, from the `summary` of a row; raises UnreadableError."""
    return Summary.model_validate_json(text_of(summary))


def rewritten(row: RequestRow) -> RequestRow:
    """Return a row as it is written now: packed, indexed, summarised; itself where it is.

    It says and tells the same, in the same words. Write it on the condition that its version is
    unchanged. The relay tells nothing of it anew. Raises UnreadableError.
    """
    state, told = _texts(row)
    now = _row(BudgetRequest.model_validate_json(state), state, told)
    is_now = (
        not isinstance(row.body, str)
        and _summary(row) == _summary(now)  # bytes may differ with the library that packs
        and all(getattr(row, name) == getattr(now, name) for name in _INDEXED)
    )
    return row if is_now else now


def silent(row: RequestRow) -> RequestRow:
    """Return a row that says the same and tells nothing; raises UnreadableError."""
    values = {name: value for name, value in row.attribute_values.items() if name != "outbox"}
    if not isinstance(row.body, str):
        state, _ = _texts(row)
        values["body"] = pack(state, _NOTHING_TOLD, known=_summary(row))
    return RequestRow(**values)


def _texts(row: RequestRow) -> list[str]:
    if isinstance(row.body, str):
        return [row.body, row.outbox or _NOTHING_TOLD]
    return unpack(row.body, known=_summary(row))


def _summary_of(request: BudgetRequest) -> str:
    # The same text as that of Summary.of(request), whose fields stand in the request's order.
    return request.model_dump_json(include=_SHOWN, exclude_none=True)


def _summary(row: RequestRow) -> str:
    return text_of(row.summary) if row.summary else ""
