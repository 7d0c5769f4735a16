"""Every route of the service, registered on one blueprint."""

from chalice import Blueprint

from chalicelib.handlers.http import (
    analytics,
    api_keys,
    budgets,
    deliveries,
    docs,
    drafts,
    health,
    items,
    lists,
    metrics,
    ops,
    requests,
    reviews,
    sync,
    webhooks,
)
from chalicelib.handlers.http.api import Api

blueprint = Blueprint(__name__)
api = Api(blueprint)
for module in (
    health,
    lists,
    requests,
    drafts,
    items,
    reviews,
    budgets,
    sync,
    webhooks,
    deliveries,
    api_keys,
    analytics,
    metrics,
    ops,
    docs,
):
    module.declare(api)
api.close()
