"""The row of a request: what it keeps packed, and how rows of the form before that are read."""

from chalicelib.adapters.keys import department_status, due_at, due_for, request_pk
from chalicelib.adapters.packing import pack, unpack
from chalicelib.adapters.tables import RequestRow
from chalicelib.domain.deadlines import due
from chalicelib.domain.listing import Summary, position
from chalicelib.domain.messages import Outbox
from chalicelib.domain.requests import BudgetRequest


def row_of(request: BudgetRequest, told: Outbox) -> RequestRow:
    """Return the row of a request as it is after a change, of which `told` is told."""
    row = RequestRow(
        pk=request_pk(request.id),
        version=request.version,
        department=request.department,
        requested_by=request.requested_by,
    )
    summary = ""
    if not request.is_deleted:  # what is deleted leaves the list indexes
        summary = Summary.of(request).model_dump_json(exclude_none=True)
        row.listed = position(request)
        row.department_status = department_status(request.department, request.status)
        row.linked_to = request.linked_purchase_request_id
        row.summary = pack(summary)
    # Most fields of most requests are none.
    state = request.model_dump_json(exclude_none=True)
    row.body = pack(state, told.model_dump_json(), known=summary)
    next_look = due(request)
    if next_look:
        row.due_for = due_for(request.department, next_look.kind)
        row.due_at = due_at(next_look.at, request.id)
    return row


def request_in(row: RequestRow) -> BudgetRequest:
    """Return the request of a row, be it deleted; raises UnreadableError."""
    return BudgetRequest.model_validate_json(_texts(row)[0])


def outbox_in(row: RequestRow) -> Outbox:
    """Return what is told of a row's last change; raises UnreadableError."""
    return Outbox.model_validate_json(_texts(row)[1])


def summary_in(row: RequestRow) -> Summary:
    """Return what lists show of a row that has a `summary`; raises UnreadableError."""
    return Summary.model_validate_json(_summary(row))


def is_unpacked(row: RequestRow) -> bool:
    """Whether a row has the form before packing."""
    return isinstance(row.body, str)


def packed(row: RequestRow) -> RequestRow:
    """Return a row of the form before packing as it is written now; it says and tells the same.

    Write it on the condition that its version is unchanged. The relay tells nothing of it anew.
    """
    texts, summary = _texts(row), _summary(row)
    values = {name: value for name, value in row.attribute_values.items() if name != "outbox"}
    values["body"] = pack(*texts, known=summary)
    if summary:
        values["summary"] = pack(summary)
    return RequestRow(**values)


def _texts(row: RequestRow) -> list[str]:
    if isinstance(row.body, str):
        return [row.body, row.outbox or ""]
    return unpack(row.body, known=_summary(row))


def _summary(row: RequestRow) -> str:
    if isinstance(row.summary, bytes):
        return unpack(row.summary)[0]
    return row.summary or ""
