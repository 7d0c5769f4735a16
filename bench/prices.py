"""What DynamoDB's units cost, and messages on queues and the bus."""

from bench.capacity import Bill

#: Dollars for a million request units on demand in us-east-1, as published since PRICES_SINCE.
DOLLARS_A_MILLION_WRITES = 0.625
DOLLARS_A_MILLION_READS = 0.125
PRICES_SINCE = "2024-11-01"

#: Dollars in us-east-1 for a million requests of standard queues, and for a million events of our
#: own on a bus, each of up to 64 KB: aws.amazon.com/sqs/pricing and /eventbridge/pricing, as guides
#: to them said by MESSAGE_PRICES_READ (cloudburn.io, factualminds.com): the pages themselves show
#: their figures by script alone. Without what fair queues add to a message that has a group.
DOLLARS_A_MILLION_QUEUE_REQUESTS = 0.40
DOLLARS_A_MILLION_EVENTS = 1.00
MESSAGE_PRICES_READ = "2026-06"


def dollars_a_million(bill: Bill) -> float:
    """Return what a million of such operations cost at DynamoDB; nothing else is in it."""
    return bill.write_units * DOLLARS_A_MILLION_WRITES + bill.read_units * DOLLARS_A_MILLION_READS


def dollars_a_million_of_messages(queue_requests: float, events: float) -> float:
    """Return what a million times so many requests of queues and events on the bus cost."""
    return queue_requests * DOLLARS_A_MILLION_QUEUE_REQUESTS + events * DOLLARS_A_MILLION_EVENTS
