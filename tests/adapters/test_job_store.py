"""The contract of the records of runs, and of leases."""

from datetime import timedelta

import pytest

from chalicelib import bootstrap
from chalicelib.adapters import job_store as dynamo
from chalicelib.domain.errors import IdempotencyKeyTakenError
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.jobs import JobName, JobOrder, JobPayload, JobRun, Step
from chalicelib.usecases.ports import HeldLease, Lease
from tests.adapters.conftest import Stores
from tests.conftest import Aws
from tests.factories import AT
from tests.fakes import FakeJobLeases

JOB, OTHER_JOB = JobName.FINANCE_SYNC, JobName.SLA_CHECK
SECOND = timedelta(seconds=1)
LEASE = dynamo.LEASE_SECONDS * SECOND


def order(run_id: str = "run_1", *, job: JobName = JOB, after: timedelta = 0 * SECOND) -> JobOrder:
    asked = JobPayload(department="hr")
    return JobOrder(job=job, run_id=run_id, queued_at=AT + after, by="u-1", payload=asked)


#: What others meet while the run of `order()` is at it.
HELD = HeldLease(run_id="run_1", task=order().task)


def receipt(key: str = "k") -> Receipt:
    return Receipt(
        caller="superadmin#u-1",
        key=key,
        fingerprint="f",
        status=202,
        headers={},
        body="{}",
        expires_at=AT + timedelta(days=400_000),
    )


def taken(stores: Stores, run_id: str = "run_1", after: timedelta = 0 * SECOND) -> Lease:
    lease = stores.job_leases.take(order(run_id), AT + after)
    assert isinstance(lease, Lease)
    return lease


def test_a_run_comes_back_as_it_was_saved(stores: Stores) -> None:
    run = JobRun.of(order()).begun(AT).advanced(Step(counts={"synced": 2}, checkpoint="hr 2026 Q1"))
    assert stores.job_runs.get(order()) is None

    stores.job_runs.save(run)

    assert stores.job_runs.get(order()) == run
    assert stores.job_runs.get(order("run_2")) is None
    assert stores.job_runs.get(order(job=OTHER_JOB)) is None


@pytest.mark.parametrize("key", [None, "k"])
def test_a_run_is_added_with_its_receipt(stores: Stores, key: str | None) -> None:
    stores.job_runs.add(JobRun.of(order()), receipt=receipt(key) if key else None)

    assert stores.job_runs.get(order()) == JobRun.of(order())
    kept = stores.receipts.find("superadmin#u-1", "k", AT)
    assert (kept is not None) is (key is not None)


@pytest.mark.parametrize("key", [None, "k"])
def test_a_run_that_began_is_not_overwritten(stores: Stores, key: str | None) -> None:
    begun = JobRun.of(order()).begun(AT)
    stores.job_runs.save(begun)

    stores.job_runs.add(JobRun.of(order()), receipt=receipt(key) if key else None)

    assert stores.job_runs.get(order()) == begun
    kept = stores.receipts.find("superadmin#u-1", "k", AT)
    assert (kept is not None) is (key is not None)


def test_a_run_that_ended_stays_as_it_ended(stores: Stores) -> None:
    run = JobRun.of(order())
    assert stores.job_runs.save(run)
    done = run.begun(AT).succeeded(AT)
    assert stores.job_runs.save(done)

    for late in (run, run.skipped(AT, other="run_2"), run.begun(AT), done.failed(AT, OSError())):
        assert not stores.job_runs.save(late)

    assert stores.job_runs.get(order()) == done


def test_a_run_that_failed_goes_on_but_is_not_skipped(stores: Stores) -> None:
    run = JobRun.of(order())
    failed = run.begun(AT).failed(AT, OSError())
    stores.job_runs.save(failed)

    assert not stores.job_runs.save(run.skipped(AT, other="run_2"))
    assert stores.job_runs.get(order()) == failed
    again = failed.begun(AT)
    assert stores.job_runs.save(again)
    assert not stores.job_runs.save(failed)  # by a part that thinks it still has the lease
    assert stores.job_runs.save(again.succeeded(AT))


def test_a_key_that_was_used_adds_no_run(stores: Stores) -> None:
    stores.job_runs.add(JobRun.of(order()), receipt=receipt())

    with pytest.raises(IdempotencyKeyTakenError):
        stores.job_runs.add(JobRun.of(order("run_2")), receipt=receipt())

    assert stores.job_runs.get(order("run_2")) is None


def test_runs_are_listed_newest_first_from_anywhere(stores: Stores) -> None:
    asked = [order(f"run_{n}", after=n * SECOND) for n in range(5)]
    for each in [asked[2], asked[0], asked[4], asked[1], asked[3], order(job=OTHER_JOB)]:
        stores.job_runs.save(JobRun.of(each))
    taken(stores)  # stands beside the runs

    def listed(limit: int, after: int | None = None) -> list[str]:
        position = None if after is None else JobRun.of(asked[after]).position
        return [r.run_id for r in stores.job_runs.latest(JOB, limit=limit, after=position)]

    assert listed(10) == ["run_4", "run_3", "run_2", "run_1", "run_0"]
    assert listed(2) == ["run_4", "run_3"]
    assert listed(2, after=3) == ["run_2", "run_1"]
    assert listed(2, after=0) == []


def test_a_position_is_good_when_its_run_is_gone(stores: Stores) -> None:
    stores.job_runs.save(JobRun.of(order("run_1")))
    gone = JobRun.of(order("run_2", after=SECOND)).position

    assert [run.run_id for run in stores.job_runs.latest(JOB, limit=1, after=gone)] == ["run_1"]


def test_one_run_at_a_time_has_the_lease(stores: Stores) -> None:
    taken(stores, "run_1")

    assert stores.job_leases.take(order("run_2"), AT + LEASE) == HELD
    # Nor does the same run twice: its message may have come to two.
    assert stores.job_leases.take(order("run_1"), AT) == HELD
    assert isinstance(stores.job_leases.take(order("run_2", job=OTHER_JOB), AT), Lease)


def test_a_lease_that_ended_or_was_given_back_is_free(stores: Stores) -> None:
    taken(stores, "run_1")
    second = taken(stores, "run_2", after=LEASE + SECOND)
    stores.job_leases.release(second)

    taken(stores, "run_3", after=LEASE + SECOND)


def test_a_lease_that_is_renewed_lasts(stores: Stores) -> None:
    lease = taken(stores, "run_1")

    assert stores.job_leases.renew(lease, AT + LEASE)

    held = stores.job_leases.take(order("run_2"), AT + LEASE + SECOND)
    assert held == HELD


def test_a_lease_that_is_anothers_by_now_is_left_alone(stores: Stores) -> None:
    old = taken(stores, "run_1")
    new = taken(stores, "run_1", after=LEASE + SECOND)
    later = AT + LEASE + SECOND

    assert not stores.job_leases.renew(old, later)
    stores.job_leases.release(old)
    stores.job_leases.hand_over(old, later)

    assert stores.job_leases.take(order("run_1"), later) == HELD
    assert stores.job_leases.renew(new, later)


def test_a_lease_is_handed_over_to_its_own_run_alone(stores: Stores) -> None:
    first = taken(stores, "run_1")
    stores.job_leases.hand_over(first, AT)

    assert stores.job_leases.take(order("run_2"), AT) == HELD
    assert not stores.job_leases.renew(first, AT)
    second = taken(stores, "run_1")
    assert stores.job_leases.renew(second, AT)
    assert stores.job_leases.take(order("run_1"), AT) == HELD


def test_a_lease_handed_over_to_nobody_ends_as_well(stores: Stores) -> None:
    stores.job_leases.hand_over(taken(stores, "run_1"), AT)

    taken(stores, "run_2", after=LEASE + SECOND)


def test_the_fake_has_the_lease_of_the_real_one() -> None:
    assert FakeJobLeases.LEASE_SECONDS == dynamo.LEASE_SECONDS


def test_a_run_is_forgotten_by_the_table_itself(aws: Aws) -> None:
    bootstrap.job_runs().save(JobRun.of(order()))

    (row,) = aws.rows("work")
    assert int(row["expires_at"]["N"]) == int((AT + timedelta(days=90)).timestamp())
