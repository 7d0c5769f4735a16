"""When what failed is tried again."""

#: The first retry comes soon, each later one after twice the time, none after more than an hour.
FIRST_RETRY_SECONDS = 5
LAST_RETRY_SECONDS = 3600

#: How often a queue hands a message over (infra/template/queues.py): a partner may be silent for a
#: day and two hours before messages are set aside as dead letters, which an operator sends back.
MAX_RECEIVES = 36


def seconds_until_retry(receives: int) -> int:
    """Return the delay after a message was received for the `receives`-th time (from 1)."""
    doublings = min(max(receives - 1, 0), 16)  # past the cap anyway; keeps the number small
    return min(FIRST_RETRY_SECONDS << doublings, LAST_RETRY_SECONDS)
