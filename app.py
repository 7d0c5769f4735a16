"""The map: creates the Chalice app, registers every blueprint, nothing else."""

from chalice import Chalice

from chalicelib.handlers import audit, finance, inbound, jobs, notifications, relay, webhooks
from chalicelib.handlers.http import routes

# The service logs JSON through its own logger; Chalice would print each line a second time.
app = Chalice(app_name="budget-requests", configure_logs=False)
app.register_blueprint(routes.blueprint)
for worker in (relay, webhooks, audit, notifications, finance, jobs, inbound):
    app.register_blueprint(worker.blueprint)
