from chalicelib.domain.retries import LAST_RETRY_SECONDS, MAX_RECEIVES, seconds_until_retry


def test_the_first_retries_come_soon_and_each_later_one_after_twice_the_time() -> None:
    assert [seconds_until_retry(receives) for receives in (1, 2, 3, 4)] == [5, 10, 20, 40]


def test_no_retry_waits_longer_than_the_last() -> None:
    assert seconds_until_retry(14) == LAST_RETRY_SECONDS
    assert seconds_until_retry(10**6) == LAST_RETRY_SECONDS


def test_a_count_that_makes_no_sense_is_a_first_time() -> None:
    assert seconds_until_retry(0) == seconds_until_retry(1)


def test_a_partner_may_be_silent_for_a_day_before_anything_is_set_aside() -> None:
    waits = [seconds_until_retry(receives) for receives in range(1, MAX_RECEIVES)]

    assert 24 * 3600 < sum(waits) < 27 * 3600
