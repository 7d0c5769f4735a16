"""The map of routes is what its modules declare: a route that it lacks would never be answered."""

import pytest
from chalice import Blueprint

from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.health import declare
from chalicelib.handlers.http.routes import DECLARED, api
from infra.paths import ROOT


def test_the_map_names_every_route_of_every_module() -> None:
    declared: dict[str, list[str]] = {}
    for route in api.routes:
        module = route.module.rpartition(".")[2]
        declared.setdefault(module, []).append(f"{route.method} {route.path}")

    assert {module: tuple(names) for module, names in declared.items()} == DECLARED


def test_the_map_names_every_module_that_declares_routes() -> None:
    folder = ROOT / "chalicelib" / "handlers" / "http"
    declaring = {f.stem for f in folder.glob("*.py") if "\ndef declare(" in f.read_text()}

    assert declaring == set(DECLARED)


def test_a_route_that_the_map_lacks_cannot_be_declared() -> None:
    lacking = Api(Blueprint("lacking"), {"health": ("GET /elsewhere",)})

    with pytest.raises(LookupError, match="GET /health"):
        declare(lacking)
