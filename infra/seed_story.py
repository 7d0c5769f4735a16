"""A company's quarter, made up by a seed: who asked for what, when, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import Any

from chalicelib.domain.access import DEPARTMENTS, Actor, Department, department_of, level_of
from chalicelib.domain.content import Category, NewRequest, Priority

REQUESTS = 120
DAYS = 88
CLERKS = 4

#: How many of the young requests are drafts, and how many are decided in time.
DRAFTS, DRAFTS_DAYS, IN_TIME = 0.1, 30, 0.8

#: Older than this nothing waits for a decision, and what was approved still holds its money, for
#: some days.
WAITING_DAYS, EXPIRING_DAYS = 45, 84

#: Ids of the made up people begin with this.
PERSON = "seed-"


class Verb(StrEnum):
    """What is done to a request."""

    CREATE = "create"
    SUBMIT = "submit"
    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"
    CONSUME = "consume"
    RELEASE = "release"


#: In per cent, what becomes of a request, and of a hold; None: nothing yet.
DECISIONS: Mapping[Verb | None, int] = {
    Verb.APPROVE: 70,
    Verb.REJECT: 14,
    Verb.CANCEL: 7,
    None: 9,
}
ENDS: Mapping[Verb | None, int] = {
    Verb.CONSUME: 50,
    Verb.CANCEL: 8,
    Verb.RELEASE: 6,
    None: 36,
}


@dataclass(frozen=True)
class Act:
    """Something that somebody does to one of the requests; `number` counts them from 0."""

    at: datetime
    number: int
    verb: Verb
    by: Actor
    text: str = ""
    new: NewRequest | None = None
    percent: int = 0


@dataclass(frozen=True)
class _Item:
    name: str
    unit_cost: int
    at_most: int


@dataclass(frozen=True)
class _Purpose:
    text: str
    category: Category
    items: tuple[_Item, ...]
    supplier: tuple[str, str]


_PURPOSES: dict[Department, tuple[_Purpose, ...]] = {
    "finance": (
        _Purpose(
            "Licences of the reporting tool for the closing of the quarter",
            "operational",
            (_Item("Reporting licence, one year", 480, 12), _Item("Training day", 950, 2)),
            ("SUP-014", "Northwind Software"),
        ),
        _Purpose(
            "External review of the payment controls before the audit",
            "administrative",
            (_Item("Consultant, day", 1_150, 8),),
            ("SUP-027", "Harbour Assurance"),
        ),
        _Purpose(
            "Laptops for the accounting team",
            "capital",
            (_Item("Laptop, 14 inch", 1_290, 6), _Item("Docking station", 185, 6)),
            ("SUP-003", "Alder Computers"),
        ),
        _Purpose(
            "Scanner and archive boxes for the invoice archive",
            "operational",
            (_Item("Document scanner", 890, 2), _Item("Archive box, 50", 74, 10)),
            ("SUP-019", "Paper & Post"),
        ),
    ),
    "hr": (
        _Purpose(
            "Recruiting campaign for the warehouse night shift",
            "operational",
            (_Item("Job board, month", 620, 3), _Item("Open day on site", 1_400, 1)),
            ("SUP-031", "Beacon Recruiting"),
        ),
        _Purpose(
            "First aid and fire warden training, all sites",
            "administrative",
            (_Item("Training group of twelve", 740, 5),),
            ("SUP-022", "Safe Hands Training"),
        ),
        _Purpose(
            "Adjustable desks for the shared office",
            "capital",
            (_Item("Desk, adjustable", 415, 10), _Item("Office chair", 289, 10)),
            ("SUP-008", "Birch Office"),
        ),
        _Purpose(
            "Language courses for colleagues who have just arrived",
            "operational",
            (_Item("Course, ten weeks", 560, 6),),
            ("SUP-035", "Lingua House"),
        ),
    ),
    "inventory": (
        _Purpose(
            "Handheld scanners in place of the worn out ones",
            "capital",
            (_Item("Handheld scanner", 690, 14), _Item("Charging cradle", 120, 7)),
            ("SUP-011", "Scanwell"),
        ),
        _Purpose(
            "Pallet racking for hall 3",
            "capital",
            (_Item("Racking bay", 1_250, 16), _Item("Assembly, day", 880, 4)),
            ("SUP-041", "Ironbridge Storage"),
        ),
        _Purpose(
            "Packing material for the season",
            "operational",
            (_Item("Carton, pallet", 340, 20), _Item("Stretch film, box", 58, 40)),
            ("SUP-019", "Paper & Post"),
        ),
        _Purpose(
            "Repair of the cold store after the compressor failed",
            "emergency",
            (_Item("Compressor", 8_600, 1), _Item("Technician, hour", 96, 30)),
            ("SUP-044", "Polar Service"),
        ),
    ),
    "operations": (
        _Purpose(
            "Overhaul of the conveyor line in building B",
            "capital",
            (_Item("Drive unit", 5_400, 3), _Item("Fitter, day", 720, 10)),
            ("SUP-052", "Keystone Conveyors"),
        ),
        _Purpose(
            "Winter service and road salt for both yards",
            "operational",
            (_Item("Standby, month", 1_900, 4), _Item("Road salt, tonne", 115, 12)),
            ("SUP-047", "Greenfield Grounds"),
        ),
        _Purpose(
            "Electric forklift in place of the diesel one",
            "capital",
            (_Item("Forklift, 2.5 t", 31_500, 1), _Item("Charging point", 2_300, 1)),
            ("SUP-049", "Liftworks"),
        ),
        _Purpose(
            "Safety shoes and gloves for the new shift",
            "operational",
            (_Item("Safety shoes, pair", 84, 45), _Item("Gloves, dozen", 31, 20)),
            ("SUP-022", "Safe Hands Training"),
        ),
    ),
}

_APPROVALS = ("Go ahead", "As planned for this quarter", "Please order before the month ends", "")
_REJECTIONS = (
    "The framework contract covers this already",
    "Please come back with a second offer",
    "Not this quarter",
)
_CANCELLATIONS = ("No longer needed", "Ordered by the parent company", "Asked for twice")


def person(role: str, number: int = 1) -> Actor:
    """Return somebody of the story: the `number`th with that role."""
    name = f"{role.lower().replace(' ', '-')}-{number}"
    return Actor(
        id=f"{PERSON}{name}",
        name=name,
        role=role,
        level=level_of(role),
        department=department_of(role),
        email=f"{name}@example.com",
    )


def acts(seed: int, now: datetime, *, count: int = REQUESTS) -> list[Act]:
    """Return all that happened in the quarter until `now`, in the order that it did."""
    chance = Random(seed)  # noqa: S311 - a story, not a secret
    found: list[Act] = []
    # Denser towards the end: what is asked for grows with the quarter.
    ages = sorted((chance.uniform(0.05, 1) ** 1.2 * DAYS for _ in range(count)), reverse=True)
    for number, age in enumerate(ages):
        department = DEPARTMENTS[number % len(DEPARTMENTS)]
        at = _in_office_hours(now - timedelta(days=age), chance)
        found += _life(chance, number, department, at, age)
    past = [act for act in found if act.at < now]
    return sorted(past, key=lambda act: (act.at, act.number))


def _life(
    chance: Random, number: int, department: Department, at: datetime, age: float
) -> list[Act]:
    """Return what happens to one request."""
    title = "HR" if department == "hr" else department.capitalize()
    clerk = person(f"{title} Clerk", chance.randint(1, CLERKS))
    admin = person(f"{title} Admin")
    new = _asked_for(chance, department)
    steps = [Act(at, number, Verb.CREATE, clerk, new=new)]

    def then(verb: Verb, by: Actor, days: float, text: str = "", percent: int = 0) -> None:
        steps.append(
            Act(steps[-1].at + timedelta(days=days), number, verb, by, text, percent=percent)
        )

    if age < DRAFTS_DAYS and chance.random() < DRAFTS:
        return steps
    then(Verb.SUBMIT, clerk, chance.uniform(0.01, 1.5))
    # Most are decided in time; some wait longer than they may, and a few still do.
    wait = chance.uniform(0.2, 4) if chance.random() < IN_TIME else chance.uniform(8, 20)
    fate = _choice(chance, DECISIONS)
    if age > EXPIRING_DAYS:
        then(Verb.APPROVE, admin, chance.uniform(0.2, 2), chance.choice(_APPROVALS))
    elif fate is Verb.REJECT:
        then(fate, admin, wait, chance.choice(_REJECTIONS))
    elif fate is Verb.CANCEL:
        then(fate, clerk, wait / 2, chance.choice(_CANCELLATIONS))
    elif fate is Verb.APPROVE or age > WAITING_DAYS:
        buffer = chance.choice((0, 0, 0, 5, 10))
        then(Verb.APPROVE, admin, wait, chance.choice(_APPROVALS), percent=buffer)
        end = _choice(chance, ENDS)
        if end is Verb.CONSUME:
            then(end, admin, chance.uniform(4, 35), percent=chance.choice((100, 100, 92)))
        elif end is not None:
            then(end, admin, chance.uniform(2, 30), chance.choice(_CANCELLATIONS))
    return steps


def _choice(chance: Random, weights: Mapping[Verb | None, int]) -> Verb | None:
    return chance.choices(list(weights), list(weights.values()))[0]


def _asked_for(chance: Random, department: Department) -> NewRequest:
    purpose = chance.choice(_PURPOSES[department])
    supplier_id, supplier = purpose.supplier
    lines: list[dict[str, Any]] = []
    for item in purpose.items:
        quantity = chance.randint(max(1, item.at_most // 3), item.at_most)
        lines.append(
            {
                "itemName": item.name,
                "quantity": quantity,
                "unitCost": item.unit_cost,
                "totalCost": quantity * item.unit_cost,
                "supplierId": supplier_id,
                "supplierName": supplier,
                "itemPriority": "must_have" if item is purpose.items[0] else "should_have",
                "isEssential": item is purpose.items[0],
            }
        )
    total = sum(Decimal(line["totalCost"]) for line in lines)
    priorities: tuple[Priority, ...] = ("low", "medium", "medium", "high")
    return NewRequest.model_validate(
        {
            "department": department,
            "amountRequested": total,
            "purpose": purpose.text,
            "category": purpose.category,
            "priority": "urgent" if purpose.category == "emergency" else chance.choice(priorities),
            "justification": f"Offer of {supplier}, checked against the last two orders.",
            "items": lines,
        }
    )


def _in_office_hours(at: datetime, chance: Random) -> datetime:
    minute = chance.randint(0, 9 * 60)
    day = at - timedelta(days=max(0, at.weekday() - 4))  # what a weekend asks for, Friday did
    return day.replace(hour=8, minute=0, second=chance.randint(0, 59), microsecond=0) + timedelta(
        minutes=minute
    )
