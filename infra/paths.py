"""Where the command line keeps its files: everything lies under the project's root."""

import re
from pathlib import Path

from infra.errors import OperatorError

ROOT = Path(__file__).resolve().parents[1]
LOCAL = ROOT / ".local"
EMBEDDED_ENVIRONMENTS = LOCAL / "ministack-venv"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


def stack_folder(name: str) -> Path:
    """Return the folder of a local stack; the name becomes a stack name, so it is checked."""
    if not _NAME.fullmatch(name) or name == EMBEDDED_ENVIRONMENTS.name:
        raise OperatorError(
            f"{name!r} is no stack name: lower-case letters, digits and hyphens, at most 40."
        )
    return LOCAL / name
