"""What the front of a local stack (infra/front.py) refuses by itself: part of the catalogue."""

from typing import NamedTuple


class Refusal(NamedTuple):
    """A status with its code, and what the code means."""

    status: int
    code: str
    meaning: str


NOT_DEPLOYED = Refusal(503, "NOT_DEPLOYED", "The service is being deployed; try again soon.")
GATEWAY_TIMEOUT = Refusal(504, "GATEWAY_TIMEOUT", "The embedded cloud did not answer in time.")
BAD_GATEWAY = Refusal(502, "BAD_GATEWAY", "The embedded cloud cannot be reached.")

REFUSALS = (NOT_DEPLOYED, GATEWAY_TIMEOUT, BAD_GATEWAY)
