"""A fake answers what its port asks, whole: or a use case would be shown something else."""

import inspect
from collections.abc import Callable

import pytest

from chalicelib.usecases import ports
from tests import fakes

FAKES = {
    name.removeprefix("Fake"): fake
    for name, fake in vars(fakes).items()
    if inspect.isclass(fake) and fake.__module__ == fakes.__name__
}
PORTS_OF = {name: [getattr(ports, name)] for name in FAKES}
PORTS_OF["BudgetStore"].append(ports.Tellings)


@pytest.mark.parametrize("name", FAKES)
def test_a_fake_has_every_method_of_its_port_with_the_same_arguments(name: str) -> None:
    given = _methods(FAKES[name])

    for port in PORTS_OF[name]:
        asked = _methods(port)
        assert asked
        assert {method: given.get(method) for method in asked} == asked


def _methods(owner: type) -> dict[str, str]:
    """Return the signature of each method, as it is spelled within the module of ports."""
    methods: dict[str, Callable[..., object]] = {
        name: method
        for name, method in vars(owner).items()
        if inspect.isfunction(method) and not name.startswith("_")
    }
    return {
        name: str(inspect.signature(method)).replace("ports.", "")
        for name, method in methods.items()
    }
