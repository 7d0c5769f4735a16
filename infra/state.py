"""What a local stack remembers of itself between two commands; readable by its owner alone."""

import os
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from infra.embedded import EmbeddedCloud
from infra.errors import OperatorError
from infra.paths import stack_folder
from infra.services_process import HostProcess

FILE = "state.json"


class Secrets(BaseModel):
    """The secrets of a local stack: given by the caller's environment or made up, then kept."""

    jwt_secret: str
    finance_api_key: str
    audit_api_key: str
    bus_signing_key: str

    def __repr__(self) -> str:
        """Show nothing: a log or a failed assertion would print it."""
        return "Secrets(…)"

    __str__ = __repr__


class StackState(BaseModel):
    """A local stack as far as it has come; what is None was not started yet."""

    name: str
    secrets: Secrets | None = Field(default=None, repr=False)
    cloud: EmbeddedCloud | None = None
    #: A cloud that runs without us, in place of an embedded one.
    elsewhere: str | None = None
    services: HostProcess | None = None
    region: str
    stack_name: str
    outputs: dict[str, str] = Field(default_factory=dict)

    @property
    def endpoint_url(self) -> str:
        """Where the cloud is, once it was started."""
        if self.elsewhere is not None:
            return self.elsewhere
        if self.cloud is None:
            raise OperatorError(f"The stack {self.name!r} was not started completely.")
        return self.cloud.endpoint_url

    def known_secrets(self) -> Secrets:
        """Return the secrets, once they are known."""
        if self.secrets is None:
            raise OperatorError(f"The stack {self.name!r} was not started completely.")
        return self.secrets

    def save(self) -> None:
        """Write the state, at once and for the owner's eyes only."""
        folder = stack_folder(self.name)
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / "state.writing"
        aside.unlink(missing_ok=True)
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(self.model_dump_json(indent=2))
        aside.replace(folder / FILE)


def load(name: str) -> StackState | None:
    """Read a stack's state; None when there is no such stack."""
    path = stack_folder(name) / FILE
    if not path.exists():
        return None
    try:
        return StackState.model_validate_json(path.read_text())
    except ValidationError:
        # Not its content: there are secrets in it.
        raise OperatorError(f"{path} is damaged; end what it names and remove it.") from None


def forget(name: str) -> None:
    """Remove a stack's state."""
    Path(stack_folder(name) / FILE).unlink(missing_ok=True)
