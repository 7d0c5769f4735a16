"""Bodies that cannot be taken: each with its code, all that is wrong at once, nothing kept."""

import json

import pytest

from chalicelib.handlers.http.body import MAX_BODY_BYTES, MAX_VALUES
from tests.conftest import Aws
from tests.factories import item_body, request_body
from tests.http_api import Api, Reply


def create(
    api: Api, body: object = None, *, raw: bytes = b"", content_type: str = "application/json"
) -> Reply:
    return api.call(
        "POST",
        "/budget-requests",
        role="Finance Clerk",
        body=body,
        raw=raw,
        content_type=content_type,
    )


def text_with(name: str, value: str) -> bytes:
    """Return a good body with one value written as `value`, whatever that is."""
    return json.dumps(request_body(**{name: "HERE"})).replace('"HERE"', value).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"not json",
        b'{"department": "finance",}',
        b"{'department': 'finance'}",
        b'{"department": "finance"} trailing',
        b'{"department": "finance", "department": "hr"}',
        b'{"items": [{"itemName": "a", "itemName": "b"}]}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        text_with("amountRequested", "NaN"),
        text_with("amountRequested", "Infinity"),
        text_with("amountRequested", "-Infinity"),
        text_with("amountRequested", "1e99999999999999999999"),
        text_with("amountRequested", "1e-99999999999999999999"),
        text_with("amountRequested", "9" * 5000),
        text_with("amountRequested", "0x10"),
        text_with("amountRequested", "01"),
        text_with("purpose", '"line\nbreak in a string"'),
        b'{"purpose": "\xff\xfe"}',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b"\x00",
    ],
    ids=lambda raw: repr(raw[:30]),
)
def test_what_is_not_json_is_malformed(api: Api, aws: Aws, raw: bytes) -> None:
    reply = create(api, raw=raw)

    assert (reply.status, reply.code) == (400, "MALFORMED_JSON")
    assert "errors" not in reply.json
    assert aws.rows("requests") == []


def test_a_number_too_long_is_told_without_a_word_of_python(api: Api) -> None:
    reply = create(api, raw=text_with("amountRequested", "9" * 5000))

    assert reply.json["message"] == "The body is not valid JSON: a number is out of range"


@pytest.mark.parametrize("given", [{}, "text", 7, True])
def test_what_must_be_a_list_is_told_so(api: Api, given: object) -> None:
    reply = create(api, request_body(items=given))

    assert (reply.status, reply.errors) == (400, {"items": "must be a list"})


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"notes": "q"}, {"notes"}),
        ({"notes": "q", "allocatedAmount": None}, {"notes"}),
        ({"notes": "q", "quantity": -1, "bogus": 1}, {"notes", "quantity", "bogus"}),
        ({"notes": "q", "allocatedAmount": -1}, {"allocatedAmount"}),
        ({"notes": "", "quantity": -1}, {"notes", "quantity"}),
    ],
)
def test_all_that_is_wrong_with_an_items_change_is_told_at_once(
    api: Api, body: object, wrong: set[str]
) -> None:
    at = f"/budget-requests/{api.draft(items=[item_body()])}/items/1"

    refused = api.call("PUT", at, role="Finance Clerk", body=body)

    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert refused.errors.keys() == wrong
    assert len(refused.json["errors"]) == len(wrong)


def test_a_list_that_is_too_long_is_told_so(api: Api) -> None:
    reply = create(api, request_body(items=[item_body()] * 51))

    assert (reply.status, reply.errors) == (400, {"items": "must have 50 or fewer"})


def test_a_body_of_more_values_than_any_call_has_is_told_once(api: Api, aws: Aws) -> None:
    reply = create(api, request_body(items=[{}] * (MAX_VALUES + 1)))

    wrong = "must have at most 2000 fields and list elements in all"
    assert (reply.status, reply.errors) == (400, {"body": wrong})
    assert aws.rows("requests") == []


def test_a_field_without_a_name_is_told_by_its_quotes(api: Api) -> None:
    reply = create(api, request_body(items=[item_body() | {"": 1}]) | {"": 1})

    assert (reply.status, list(reply.errors)) == (400, ['items.0.""', '""'])


@pytest.mark.parametrize("body", [[], [request_body()], "text", 7, True])
def test_json_that_is_no_object_is_refused(api: Api, body: object) -> None:
    reply = create(api, body)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert reply.errors == {"body": "must be an object"}


def test_no_body_is_an_empty_one(api: Api) -> None:
    reply = create(api)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert set(reply.errors) == {"department", "amountRequested", "purpose"}


def test_everything_that_is_wrong_is_told_at_once_by_its_path(api: Api, aws: Aws) -> None:
    body = {
        "department": "legal",
        "amountRequested": 0.001,
        "purpose": "short",
        "priority": "now",
        "linkedPurchaseRequestId": 7,
        "surprise": True,
        "items": [
            item_body(),
            item_body(unitCost="1250"),
            item_body(totalCost=2500.01, isEssential="yes", extra=1),
        ],
    }

    reply = create(api, body)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert set(reply.errors) == {
        "department",
        "amountRequested",
        "purpose",
        "priority",
        "linkedPurchaseRequestId",
        "surprise",
        "items.1.unitCost",
        "items.2.totalCost",
        "items.2.isEssential",
        "items.2.extra",
    }
    assert reply.errors["items.2.totalCost"] == "must be quantity × unitCost"
    assert reply.errors["amountRequested"] == "must have at most two decimals"
    assert aws.rows("requests") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("department", None),
        ("department", "Finance"),
        ("department", 1),
        ("amountRequested", "50000"),
        ("amountRequested", True),
        ("amountRequested", None),
        ("amountRequested", [1]),
        ("amountRequested", 0),
        ("amountRequested", -5),
        ("amountRequested", 10000000.01),
        ("amountRequested", 19.999),
        ("purpose", "x" * 501),
        ("purpose", "too short"),
        ("purpose", " " * 20),
        ("purpose", "<b></b>" * 10),
        ("purpose", "New laptops\x00for audit"),
        ("purpose", "New laptops \ud800 for audit"),
        ("purpose", ["New laptops for audit"]),
        ("justification", "x" * 5001),
        ("category", "fun"),
        ("category", ""),
        ("priority", None),
        ("priority", "URGENT"),
        ("linkedPurchaseRequestId", ""),
        ("linkedPurchaseRequestRefNo", "x" * 101),
        ("items", {}),
        ("items", "none"),
        ("items", None),
        ("items", [item_body()] * 51),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_value_that_cannot_be_taken_is_told_by_its_field(
    api: Api, aws: Aws, field: str, value: object
) -> None:
    reply = create(api, request_body(**{field: value}))

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert list(reply.errors) == [field]
    assert aws.rows("requests") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("itemName", ""),
        ("itemName", "x" * 201),
        ("quantity", 0),
        ("quantity", "2"),
        ("unitCost", -1),
        ("unitCost", None),
        ("totalCost", 2500.001),
        ("totalCost", 2499),
        ("supplierId", 7),
        ("itemPriority", "must"),
        ("isEssential", 1),
        ("item_name", "Laptop"),
        ("id", 1),
    ],
)
def test_a_line_that_cannot_be_taken_is_told_by_its_path(
    api: Api, field: str, value: object
) -> None:
    reply = create(api, request_body(items=[item_body(), item_body(**{field: value})]))

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert f"items.1.{field}" in reply.errors


@pytest.mark.parametrize(
    "name",
    ["amount_requested", "AmountRequested", "id", "status", "isDraft", "requestedBy", "version"],
)
def test_a_field_we_do_not_take_is_refused(api: Api, name: str) -> None:
    reply = create(api, request_body(**{name: 1}))

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert list(reply.errors) == [name]


def test_a_field_in_snake_case_does_not_stand_for_the_one_in_camel_case(api: Api) -> None:
    body = request_body()
    body["amount_requested"] = body.pop("amountRequested")

    assert set(create(api, body).errors) == {"amountRequested", "amount_requested"}


def test_a_message_does_not_repeat_what_was_written(api: Api) -> None:
    reply = create(api, request_body(purpose="secret", department="secret department"))

    assert "secret" not in json.dumps(reply.json)


def test_amounts_written_in_other_ways_are_the_same_amounts(api: Api) -> None:
    for written in ("5e4", "50000.00", "50000.0000000", "5.0E+4"):
        reply = create(api, raw=text_with("amountRequested", written))

        assert reply.data["amountRequested"] == 50000


def test_the_limits_themselves_are_fine(api: Api) -> None:
    reply = create(
        api,
        request_body(
            amountRequested=10_000_000,
            purpose="x" * 500,
            justification="x" * 5000,
            items=[item_body(itemName="x" * 200)] * 50,
        ),
    )

    assert reply.status == 201
    assert len(reply.data["itemAllocations"]) == 50


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "application/jsonp", ""],
)
def test_a_body_of_another_type_is_not_read(api: Api, content_type: str) -> None:
    reply = create(api, request_body(), content_type=content_type)

    assert (reply.status, reply.code) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", " application/json "]
)
def test_json_may_be_announced_in_other_words(api: Api, content_type: str) -> None:
    assert create(api, request_body(), content_type=content_type).status == 201


def test_a_body_too_large_is_refused_before_it_is_parsed(api: Api) -> None:
    reply = create(api, raw=b"[" * (MAX_BODY_BYTES + 1))

    assert (reply.status, reply.code) == (413, "BODY_TOO_LARGE")


def test_a_verb_without_a_body_takes_none(api: Api) -> None:
    request_id = api.draft()

    reply = api.post(f"/budget-requests/{request_id}/submit", "Finance Clerk", {"force": True})

    assert (reply.status, list(reply.errors)) == (400, ["force"])


def test_the_events_of_a_webhook_are_told_by_their_place(api: Api) -> None:
    body = {"url": "https://93.184.215.14/", "events": ["*", "nope", 3]}

    reply = api.post("/webhooks", "SuperAdmin", body)

    assert set(reply.errors) == {"events.1", "events.2"}


def test_a_key_nobody_can_read_hides_nothing_else_that_is_wrong(api: Api) -> None:
    reply = create(api, raw=rb'{"\ud800": 1, "items": [{"\udfff": 1}]}')

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert reply.errors.keys() >= {"department", "amountRequested", "purpose", r"\ud800"}
    assert reply.errors.keys() >= {"items.0.itemName", r"items.0.\udfff"}
