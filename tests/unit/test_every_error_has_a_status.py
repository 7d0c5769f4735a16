"""The catalogue of codes is complete: what can be raised can be told, and nothing else is."""

from collections.abc import Iterator

from chalicelib.domain import errors
from chalicelib.domain.errors import BudgetRequestsError
from chalicelib.handlers.http.envelope import INTERNAL_ERROR, STATUS


def declared(root: type[BudgetRequestsError] = BudgetRequestsError) -> Iterator[type]:
    for error in root.__subclasses__():
        yield error
        yield from declared(error)


def test_every_error_with_a_code_has_a_status() -> None:
    told = {error for error in declared() if "code" in vars(error)}

    assert told == set(STATUS)


def test_an_error_without_a_code_is_only_a_family() -> None:
    families = {error for error in declared() if not hasattr(error, "code")}

    assert families == {errors.AuthenticationError}
    assert all(family.__subclasses__() for family in families)


def test_no_two_errors_share_a_code() -> None:
    codes = [error.code for error in STATUS]

    assert len(set(codes)) == len(codes)
    assert INTERNAL_ERROR not in codes


def test_every_error_is_declared_in_the_errors_module() -> None:
    assert {error.__module__ for error in declared()} == {errors.__name__}


def test_the_hierarchy_at_the_top_of_the_module_is_the_real_one() -> None:
    drawn = errors.__doc__ or ""

    for error in STATUS:
        assert error.code in drawn, f"{error.__name__} is not drawn"


def test_every_status_is_a_failure() -> None:
    assert all(400 <= status < 600 for status in STATUS.values())
