"""Logging: structured JSON lines, one logger for the service, no personal text in them."""

from functools import cache

from aws_lambda_powertools.logging import Logger

from chalicelib.settings import SERVICE_NAME


@cache
def logger() -> Logger:
    """Return the service's logger; Powertools itself reads its level from LOG_LEVEL."""
    return Logger(service=SERVICE_NAME, utc=True, serialize_stacktrace=False)
