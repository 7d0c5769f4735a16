"""What people write into a request, and within which limits (SPEC.md 3)."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticKnownError

from chalicelib.domain.access import Department
from chalicelib.domain.model import Value
from chalicelib.domain.money import Amount, Percentage, decimal_text
from chalicelib.domain.text import Justification, Name, Notes, Purpose, Reference

Category = Literal["operational", "capital", "administrative", "emergency"]
Priority = Literal["low", "medium", "high", "urgent"]
ItemPriority = Literal["must_have", "should_have", "nice_to_have"]

MAX_ITEMS = 50

#: Notes on the decision of a line are shorter than a review's: 50 of them, and the history that
#: repeats them, fit into the one item that a request is.
MAX_ITEM_NOTES = 500


def _short(notes: str) -> str:
    if len(notes) > MAX_ITEM_NOTES:
        raise PydanticKnownError("string_too_long", {"max_length": MAX_ITEM_NOTES})
    return notes


ItemNotes = Annotated[
    Notes, AfterValidator(_short), Field(json_schema_extra={"maxLength": MAX_ITEM_NOTES})
]

#: The most requests one bulk approval takes (SPEC.md 3).
MAX_BULK = 25


#: More digits than any id of ours has, and few enough to stay an exact JSON number.
MAX_ID_DIGITS = 15


def whole_number(value: object) -> object:
    """Take `7.0` for 7, as JSON does; schemas call both integers."""
    if isinstance(value, Decimal) and value.adjusted() < MAX_ID_DIGITS and value == int(value):
        return int(value)
    return value


RequestId = Annotated[
    int, Field(strict=True, gt=0, lt=10**MAX_ID_DIGITS), BeforeValidator(whole_number)
]


class NewItem(Value):
    """A line a request asks for; `totalCost` must be exactly `quantity` times `unitCost`."""

    item_name: Name
    quantity: Amount
    unit_cost: Amount
    total_cost: Amount
    supplier_id: Reference | None = None
    supplier_name: Name | None = None
    item_priority: ItemPriority | None = None
    is_essential: StrictBool = False

    @field_validator("total_cost")
    @classmethod
    def _total_is_the_product(cls, total: Decimal, info: ValidationInfo) -> Decimal:
        quantity, unit_cost = info.data.get("quantity"), info.data.get("unit_cost")
        # A factor that is wrong itself has its own error already.
        if quantity is not None and unit_cost is not None and quantity * unit_cost != total:
            raise ValueError("must be quantity × unitCost")
        return total


class NewRequest(Value):
    """The body of a new budget request."""

    department: Department
    amount_requested: Amount
    purpose: Purpose
    justification: Justification | None = None
    category: Category | None = None
    priority: Priority = "medium"
    linked_purchase_request_id: Reference | None = None
    linked_purchase_request_ref_no: Reference | None = None
    items: tuple[NewItem, ...] = Field(default=(), max_length=MAX_ITEMS)


def _only_what_is_named(schema: dict[str, Any]) -> None:
    """Tell that a change names something, and that what it leaves out stays as it is."""
    schema["minProperties"] = 1
    for field in schema["properties"].values():
        field.pop("default", None)


class DraftChange(Value):
    """The body of a change to a draft: the fields to change, at least one; `items` replaces all.

    The department is not among them: it decides whose money it is and who may see the request.
    """

    model_config = ConfigDict(json_schema_extra=_only_what_is_named)

    amount_requested: Amount = Decimal(0)
    purpose: Purpose = ""
    justification: Justification | None = None
    category: Category | None = None
    priority: Priority = "medium"
    linked_purchase_request_id: Reference | None = None
    linked_purchase_request_ref_no: Reference | None = None
    items: tuple[NewItem, ...] = Field(default=(), max_length=MAX_ITEMS)

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must name at least one field to change")
        return self


class ItemChange(Value):
    """The body of a change to a draft's line: the fields to change, at least one."""

    model_config = ConfigDict(json_schema_extra=_only_what_is_named)

    item_name: Name = ""
    quantity: Amount = Decimal(0)
    unit_cost: Amount = Decimal(0)
    total_cost: Amount = Decimal(0)
    supplier_id: Reference | None = None
    supplier_name: Name | None = None
    item_priority: ItemPriority | None = None
    is_essential: StrictBool = False

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must name at least one field to change")
        return self


def _content_or_allocation(schema: dict[str, Any]) -> None:
    """Tell that one call changes one of them."""
    _only_what_is_named(schema)
    content = [name for name in schema["properties"] if name not in {"allocatedAmount", "notes"}]
    schema["oneOf"] = [
        {"anyOf": [{"required": [name]} for name in content]}
        | {"properties": {"allocatedAmount": {"type": "null"}, "notes": {"type": "null"}}},
        {"required": ["allocatedAmount"]}
        | {"properties": {"allocatedAmount": {"type": "number"}} | dict.fromkeys(content, False)},
    ]


class ItemUpdate(ItemChange):
    """The body of `PUT` on a line: of its content while a draft, of its allocation afterwards."""

    model_config = ConfigDict(json_schema_extra=_content_or_allocation)

    allocated_amount: Amount | None = None
    notes: ItemNotes | None = None

    @field_validator("notes")
    @classmethod
    def _tell_of_an_allocation(cls, notes: str | None, info: ValidationInfo) -> str | None:
        # An amount that is wrong itself has its own error already.
        if notes is not None and info.data.get("allocated_amount", "") is None:
            raise ValueError("must come with an allocatedAmount")
        return notes

    @property
    def modification(self) -> "ItemModification | None":
        """The allocation this asks for; None where it asks for none."""
        if self.allocated_amount is None:
            return None
        return ItemModification(allocated_amount=self.allocated_amount, notes=self.notes)

    @property
    def content(self) -> ItemChange | None:
        """The change of content this asks for; None where it asks for none."""
        names = self.model_fields_set - {"allocated_amount", "notes"}
        return ItemChange.model_construct(**{n: getattr(self, n) for n in names}) if names else None


class ItemApproval(Value):
    """The body of a line's approval; `allocatedAmount` defaults to what the line costs."""

    allocated_amount: Amount | None = None
    notes: ItemNotes | None = None


class ItemModification(Value):
    """The body of a modified allocation."""

    allocated_amount: Amount
    notes: ItemNotes | None = None


class ItemRejection(Value):
    """The body of a line's rejection: it says why."""

    review_notes: ItemNotes


class Cancellation(Value):
    """The body of a cancellation."""

    reason: Notes | None = None


def _override_with_its_reason(schema: dict[str, Any]) -> None:
    """Tell that an override says why, and that nothing else does."""
    overrides = {"override": {"const": True}, "overrideReason": {"type": "string"}}
    schema["oneOf"] = [
        {"properties": {"override": {"const": False}, "overrideReason": {"type": "null"}}},
        {"properties": overrides, "required": ["override", "overrideReason"]},
    ]


class Approval(Value):
    """The body of an approval; `reservedAmount` defaults to what was asked for.

    `override` holds the money whatever the budget has, and says why.
    """

    model_config = ConfigDict(json_schema_extra=_override_with_its_reason)

    review_notes: Notes | None = None
    reserved_amount: Amount | None = None
    buffer_percentage: Percentage = Decimal("0.00")
    override_reason: Notes | None = None
    override: StrictBool = Field(default=False, validate_default=True)

    @field_validator("override")
    @classmethod
    def _says_why(cls, override: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's
        # A reason that is wrong itself has its own error already.
        reason = info.data.get("override_reason", "")
        if reason != "" and override is (reason is None):
            raise ValueError("goes together with an overrideReason")
        return override


class FundsQuery(Value):
    """The query of a dry run: what the approval's body would say, as text."""

    reserved_amount: Annotated[Amount | None, BeforeValidator(decimal_text)] = None
    buffer_percentage: Annotated[Percentage, BeforeValidator(decimal_text)] = Decimal("0.00")


class BulkApproval(Value):
    """The body of a bulk approval: each request holds what it asked for, plus the buffer."""

    ids: tuple[RequestId, ...] = Field(
        min_length=1, max_length=MAX_BULK, json_schema_extra={"uniqueItems": True}
    )
    review_notes: Notes | None = None
    buffer_percentage: Percentage = Decimal("0.00")

    @field_validator("ids")
    @classmethod
    def _each_once(cls, ids: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(ids)) != len(ids):
            raise ValueError("must name each request once")
        return ids


class Rejection(Value):
    """The body of a rejection: it says why."""

    review_notes: Notes
