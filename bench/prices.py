"""What DynamoDB's units cost."""

from bench.capacity import Bill

#: Dollars for a million request units on demand in us-east-1, as published since PRICES_SINCE.
DOLLARS_A_MILLION_WRITES = 0.625
DOLLARS_A_MILLION_READS = 0.125
PRICES_SINCE = "2024-11-01"


def dollars_a_million(bill: Bill) -> float:
    """Return what a million of such operations cost at DynamoDB; nothing else is in it."""
    return bill.write_units * DOLLARS_A_MILLION_WRITES + bill.read_units * DOLLARS_A_MILLION_READS
