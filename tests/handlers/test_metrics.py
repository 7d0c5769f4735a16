"""`GET /metrics` on real adapters."""

from tests.conftest import Aws, client
from tests.http_api import Api


def test_metrics_tell_of_requests_holds_caches_and_queues(api: Api, aws: Aws) -> None:
    approved, _ = api.waiting(), api.draft("HR Clerk", department="hr")
    body = {"bufferPercentage": 5}
    assert api.post(f"/budget-requests/{approved}/approve", "Finance Admin", body).status == 200
    for _ in range(4):
        api.get(f"/budget-requests/{approved}", "Finance Clerk")
    aws.queued()
    client("sqs").send_message(QueueUrl=aws.jobs_queue_url, MessageBody="{}")

    reply = api.get("/metrics", "SuperAdmin")

    assert reply.data == {
        "requests": {
            "total": 2,
            "pending": 1,
            "approved": 1,
            "rejected": 0,
            "cancelled": 0,
            "drafts": 1,
            "overdue": 0,
            "approvalRate": 50,
            "decisionApprovalRate": 100,
        },
        "budget": {"totalReserved": 52500},
        "cache": {"hits": 3, "misses": 1, "hitRate": 75, "days": 7},
        "queues": [
            {"name": "audit", "waiting": 0, "inFlight": 0, "delayed": 0, "deadLetters": 0},
            {"name": "jobs", "waiting": 1, "inFlight": 0, "delayed": 0, "deadLetters": None},
        ],
    }


def test_metrics_of_an_empty_service_are_there(api: Api) -> None:
    told = api.get("/metrics", "SuperAdmin").data

    assert told["requests"]["total"] == told["budget"]["totalReserved"] == 0
    assert told["requests"]["decisionApprovalRate"] is None
    assert told["cache"]["hitRate"] is None
