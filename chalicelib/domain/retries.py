"""When what failed is tried again."""

#: The first retry comes soon, each later one after twice the time, none after more than an hour:
#: with the queues' 14 receives a partner may be silent for about four hours before messages are
#: set aside in the dead-letter queue, from where an operator sends them back.
FIRST_RETRY_SECONDS = 5
LAST_RETRY_SECONDS = 3600


def seconds_until_retry(receives: int) -> int:
    """Return the delay after a message was received for the `receives`-th time (from 1)."""
    doublings = min(max(receives - 1, 0), 16)  # past the cap anyway; keeps the number small
    return min(FIRST_RETRY_SECONDS << doublings, LAST_RETRY_SECONDS)
