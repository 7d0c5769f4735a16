"""What the stack is made of, by the names it has in the template and in the names of resources."""

from dataclasses import dataclass

#: Each function: its name in the template, and after the stack's name.
FUNCTIONS = {
    "APIHandler": "api",
    "Relay": "relay",
    "Webhooks": "webhooks",
    "Audit": "audit",
    "Notifications": "notifications",
    "Finance": "finance",
    "Jobs": "jobs",
    "Inbound": "inbound",
}

#: The function of the API is Chalice's; what is said of it goes by another name.
_CALLED = {"APIHandler": "Api"}


@dataclass(frozen=True)
class Worker:
    """A function behind a queue, and the rules of bus.yaml that may send to that queue."""

    name: str
    rules: tuple[str, ...]
    timeout_seconds: int = 30


WORKERS = (
    Worker("Webhooks", ("WebhooksRule", "WebhooksSweepRule")),
    Worker("Audit", ("AuditRule",)),
    Worker("Notifications", ("NotificationsRule",)),
    Worker("Finance", ("FinanceRule",)),
    Worker(
        "Jobs",
        ("FinanceSyncRule", "SlaCheckRule", "ReservationExpiryRule", "DailyAggregatesRule"),
        timeout_seconds=300,
    ),
    Worker("Inbound", ("InboundRule",)),
)

TABLES = ("Requests", "Budgets", "Webhooks", "Work", "Keys", "Told")


def called(function: str) -> str:
    """Return what resources that belong to a function are called after it."""
    return _CALLED.get(function, function)
