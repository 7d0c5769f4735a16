"""The map: creates the Chalice app, registers every blueprint, nothing else."""

import os

from chalice import Chalice

from chalicelib.handlers.http import routes

# The service logs JSON through its own logger; Chalice would print each line a second time.
app = Chalice(app_name="budget-requests", configure_logs=False)
app.register_blueprint(routes.blueprint)
if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
    # The workers are functions of their own, each imported by its module. Packaging has to know
    # them; the function of the API would pay for them at every cold start.
    from chalicelib.handlers import audit, finance, inbound, jobs, notifications, relay, webhooks

    for worker in (relay, webhooks, audit, notifications, finance, jobs, inbound):
        app.register_blueprint(worker.blueprint)
