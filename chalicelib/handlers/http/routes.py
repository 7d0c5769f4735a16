"""Every route of the service, and the module that declares it; imported when it is first called."""

from chalice import Blueprint

from chalicelib.handlers.http.api import Api

_ONE = "/budget-requests/{id}"
_HOOK = "/webhooks/{id}"

#: By module. A function that starts pays for the modules of the routes that it is called for.
DECLARED = {
    "health": ("GET /health",),
    "lists": (
        "GET /budget-requests",
        f"GET {_ONE}/history",
        f"GET {_ONE}/notifications",
        "GET /item-allocations",
    ),
    "requests": (
        "POST /budget-requests",
        f"GET {_ONE}",
        f"POST {_ONE}/submit",
        f"POST {_ONE}/approve",
        f"POST {_ONE}/reject",
        f"POST {_ONE}/cancel",
    ),
    "drafts": (f"PUT {_ONE}", f"DELETE {_ONE}"),
    "items": (
        f"GET {_ONE}/items",
        f"POST {_ONE}/items",
        f"PUT {_ONE}/items/{{itemId}}",
        f"DELETE {_ONE}/items/{{itemId}}",
        f"POST {_ONE}/items/{{itemId}}/approve",
        f"POST {_ONE}/items/{{itemId}}/reject",
    ),
    "reviews": ("POST /budget-requests/bulk-approve", f"GET {_ONE}/funds"),
    "budgets": ("GET /budgets", "GET /budgets/{department}"),
    "sync": ("GET /sync/status", "POST /sync/budgets", "POST /sync/budgets/{department}"),
    "webhooks": (
        "GET /webhooks/events",
        "POST /webhooks",
        "GET /webhooks",
        f"GET {_HOOK}",
        f"PUT {_HOOK}",
        f"DELETE {_HOOK}",
        f"POST {_HOOK}/rotate-secret",
    ),
    "deliveries": (
        f"POST {_HOOK}/test",
        f"GET {_HOOK}/deliveries",
        f"POST {_HOOK}/deliveries/{{deliveryId}}/redeliver",
        f"POST {_HOOK}/recover",
    ),
    "api_keys": (
        "POST /api-keys",
        "GET /api-keys",
        "GET /api-keys/{id}",
        "DELETE /api-keys/{id}",
    ),
    "analytics": (
        "GET /analytics/dashboard",
        "GET /analytics/trends",
        "GET /analytics/departments/{department}",
    ),
    "metrics": ("GET /metrics",),
    "ops": ("POST /ops/jobs/{job}", "GET /ops/jobs/{job}/runs"),
    "docs": ("GET /openapi.json", "GET /docs", "GET /docs/{asset}"),
}

blueprint = Blueprint(__name__)
api = Api(blueprint, DECLARED)
