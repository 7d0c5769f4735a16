"""Write the template for a security scanner: as AWS sees it, with all that is optional in it.

`python -m infra.scan FILE`
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from infra.package import build, load_template
from infra.template.resolved import resolved

_STAGE = "prod"
#: What brings the optional resources along.
_OPTIONS = {"Stage": _STAGE, "AlarmAddress": "somebody", "PartnerAccounts": "somebody"}


def template() -> dict[str, Any]:
    """Return the template of a protected stage.

    Without the routes: ten thousand lines, of which a scanner could only say that the gateway lets
    everyone through. Who may call what is the service's to decide, and its tests' to prove.
    """
    with tempfile.TemporaryDirectory() as folder:
        built = build(Path(folder), stage=_STAGE, report=lambda _: None)
        whole = load_template(built)
    defaults = {name: str(each.get("Default", "")) for name, each in whole["Parameters"].items()}
    seen: dict[str, Any] = resolved(whole, defaults | _OPTIONS)
    seen["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"] = {}
    return seen


def main() -> None:
    """Write it where the caller says."""
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(template(), indent=2))


if __name__ == "__main__":
    main()
