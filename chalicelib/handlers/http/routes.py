"""Every route of the service, registered on one blueprint."""

from chalice import Blueprint

from chalicelib.handlers.http import (
    api_keys,
    docs,
    drafts,
    health,
    items,
    lists,
    requests,
    reviews,
    webhooks,
)
from chalicelib.handlers.http.api import Api

blueprint = Blueprint(__name__)
api = Api(blueprint)
for module in (health, lists, requests, drafts, items, reviews, webhooks, api_keys, docs):
    module.declare(api)
api.close()
