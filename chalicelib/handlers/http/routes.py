"""Every route of the service, registered on one blueprint."""

from chalice import Blueprint

from chalicelib.handlers.http import drafts, health, items, requests, reviews, webhooks
from chalicelib.handlers.http.api import Api

blueprint = Blueprint(__name__)
api = Api(blueprint)
for module in (health, requests, drafts, items, reviews, webhooks):
    module.declare(api)
api.close()
