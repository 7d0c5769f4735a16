"""What is deterministic about speed and price may not get worse: units, round trips, imports.

`make bench` shows them beside their aims, with all that only a measurement can say.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from bench import operations
from bench.capacity import Bill
from chalicelib import bootstrap
from chalicelib.domain.budgets import BudgetKey
from infra.package import Package
from infra.paths import ROOT
from tests.conftest import Aws
from tests.factories import figures, finance_said

#: Round trips, write units and read units of an operation, at the most.
CEILINGS = {
    "create": (3, 8, 1),
    "get": (1, 0, 1),
    "get again": (1, 0, 1),
    "update": (3, 7, 2),
    "submit": (2, 8, 1),
    "approve": (2, 12, 1),
    "reject": (2, 9, 1),
    "cancel": (2, 11, 1),
    "list": (2, 0, 2),
    "list again": (1, 0, 1),
}

#: The API, and what its first call imports besides where it is to a request.
FIRST_CALL = "app, chalicelib.handlers.http.requests"

#: Modules of our own that the start of a function imports, at the most.
OWN_MODULES = {
    "app": 40,
    FIRST_CALL: 58,
    "chalicelib.handlers.relay": 17,
    "chalicelib.handlers.webhooks": 29,
    "chalicelib.handlers.audit": 20,
    "chalicelib.handlers.notifications": 26,
    "chalicelib.handlers.finance": 23,
    "chalicelib.handlers.jobs": 22,
    "chalicelib.handlers.inbound": 47,
}

#: The libraries that it imports; the API's also reads tokens. Powertools and PyJWT look for
#: botocore and cryptography, of which the first is quick bare and the second not packed.
LIBRARIES = {
    "annotated_types",
    "aws_lambda_powertools",
    "botocore",
    "chalice",
    "jmespath",
    "nh3",
    "pydantic",
    "pydantic_core",
    "rfc8785",
    "typing_extensions",
    "typing_inspection",
}
OF_THE_API = {"app", "cryptography", "jwt"}

#: The deployment zip, the same for all functions.
ZIP_BYTES = 7_400_000

IMPORTED = "import json, sys, {0}; print(json.dumps([*sys.modules]))"


@pytest.fixture
def bills(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> dict[str, Bill]:  # noqa: ARG001 - the tables
    """What each operation asked of DynamoDB."""
    monkeypatch.setenv("FINANCE_API_URL", "http://127.0.0.1:9")  # nobody: it need not be asked
    now = datetime.now(UTC)
    key = BudgetKey.of("hr", bootstrap.calendar().quarter_of(now))
    finance_said(bootstrap.budgets(), figures(), key=key, at=now)
    return operations.measure()


def test_no_operation_asks_more_of_the_tables_than_its_ceiling(bills: dict[str, Bill]) -> None:
    found = {n: (b.round_trips, b.write_units, b.read_units) for n, b in bills.items()}

    assert found.keys() == CEILINGS.keys() == operations.AIMS.keys()
    over = {
        name: (costs, CEILINGS[name])
        for name, costs in found.items()
        if any(cost > ceiling for cost, ceiling in zip(costs, CEILINGS[name], strict=True))
    }
    assert not over, "what it costs, and its ceiling"


@pytest.mark.parametrize("module", OWN_MODULES)
def test_the_start_of_a_function_imports_what_it_needs(module: str) -> None:
    done = subprocess.run(  # noqa: S603 - this interpreter, on the text of this module
        [sys.executable, "-c", IMPORTED.format(module)],
        cwd=ROOT,
        env=os.environ | {"AWS_LAMBDA_FUNCTION_NAME": "any"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    imported = json.loads(done.stdout)

    own = [name for name in imported if name.partition(".")[0] == "chalicelib"]
    assert len(own) <= OWN_MODULES[module], own
    known = (
        sys.stdlib_module_names | LIBRARIES | (OF_THE_API if module.startswith("app") else set())
    )
    tops = {name.partition(".")[0] for name in imported} - {"chalicelib"}
    assert not {name for name in tops - known if not name.startswith("_")}


def test_the_zip_stays_small(package: Package) -> None:
    assert package.zip_path.stat().st_size <= ZIP_BYTES
