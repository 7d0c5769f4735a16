"""A local stack: the embedded cloud, the deployed service, its front and stand-ins; up and down."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import httpx

from infra import (
    deploy,
    embedded,
    local_configuration,
    mailbox,
    package,
    processes,
    services_process,
    state,
    tokens,
)
from infra.dependencies import LOCAL_STAGE
from infra.embedded import REGION
from infra.errors import OperatorError
from infra.locks import exclusive
from infra.mailbox import Mail
from infra.paths import LOCAL, stack_folder
from infra.ports import is_free, who_holds
from infra.processes import Started
from infra.progress import Progress, silent
from infra.secret_names import SecretName
from infra.standin_client import ServicesClient, StandInClient
from infra.state import Secrets, StackState

DEFAULT_NAME = "up"
DEFAULT_PORT = 4005
ANY_PORT = 0
STACK_NAME = "budget-requests-local"
_LOCK = "lock"
_ANYWHERE = "http://localhost"


@dataclass
class RunningStack:
    """A running local stack, and ways to look at it."""

    name: str
    region: str
    stack_name: str
    api_url: str
    endpoint_url: str
    outputs: dict[str, str]
    secrets: Secrets
    services: ServicesClient
    _started: list[Started] = field(default_factory=list, repr=False)

    @property
    def finance(self) -> StandInClient:
        """The stand-in for Finance Main."""
        return self.services.finance

    @property
    def audit(self) -> StandInClient:
        """The stand-in for Audit Logs."""
        return self.services.audit

    @property
    def receiver(self) -> StandInClient:
        """The stand-in that receives webhooks."""
        return self.services.receiver

    def mails(self) -> list[Mail]:
        """Return the mails the service sent."""
        return mailbox.read(self.endpoint_url)

    def token(
        self,
        role: str,
        *,
        sub: str,
        name: str,
        department: str | None = None,
        email: str | None = None,
        expires_in: timedelta = tokens.DEFAULT_EXPIRY,
    ) -> str:
        """Return a user token the stack accepts."""
        return tokens.issue(
            self.secrets.jwt_secret,
            role=role,
            sub=sub,
            name=name,
            department=department,
            email=email,
            expires_in=expires_in,
        )

    def http(self, token: str | None = None, *, timeout_seconds: float = 35) -> httpx.Client:
        """Return a client of the API; paths begin after `/api`."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.Client(
            base_url=self.api_url, headers=headers, timeout=timeout_seconds, trust_env=False
        )

    def set_free(self) -> None:
        """Let the stack outlive this process."""
        for each in self._started:
            each.set_free()
        self._started.clear()

    def close(self) -> None:
        """Let go of the stack's connections, and of its processes once it was ended."""
        self.services.close()
        for each in self._started:
            each.forget()
        self._started.clear()


def up(
    name: str = DEFAULT_NAME,
    *,
    port: int = DEFAULT_PORT,
    or_any_port: bool = False,
    owned: bool = False,
    environment: Mapping[str, str] = os.environ,
    elsewhere: str | None = None,
    progress: Progress | None = None,
) -> RunningStack:
    """Start a stack and deploy to it; on a running one only deploy again, keeping its data.

    `port` 0 takes any free one, and `or_any_port` does when that one is taken. An `owned` stack
    ends with this process, as every stack does until it is complete. What the environment sets of
    the service's configuration is passed on; the stand-ins and made-up secrets are the rest. With
    the address of a cloud `elsewhere` it is deployed there, under a name of its own, and no
    embedded cloud is started.
    """
    progress = progress or silent()
    with alone_with(name):
        current = state.load(name)
        redeploys = current is not None and _cloud_runs(current)
        if current is not None and not redeploys:
            _stop(current)  # what an earlier one left
        if current is None or not redeploys:
            called = STACK_NAME if elsewhere is None else f"budget-requests-{name}"
            current = StackState(name=name, region=REGION, stack_name=called, elsewhere=elsewhere)
        current.secrets = local_configuration.secrets_for(environment, current.secrets)
        # Refused before anything is started; where the stand-ins will be is not known yet.
        local_configuration.parameters_for(
            environment, current.secrets, finance_url=_ANYWHERE, audit_url=_ANYWHERE
        )
        try:
            started = _start(current, port, progress, or_any_port=or_any_port)
            stack = _deploy(current, environment, progress, started)
        except BaseException:
            if not redeploys:  # a stack that ran before goes on running
                _stop(current)
                state.forget(name)
            raise
        if not owned:
            stack.set_free()
        return stack


def down(name: str = DEFAULT_NAME, *, keep_logs: bool = False) -> bool:
    """End a stack and forget it; returns whether there was one."""
    with alone_with(name):
        current = state.load(name)
        if current is not None:
            _stop(current)
        for path in stack_folder(name).iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != _LOCK and not (keep_logs and path.suffix == ".log"):
                path.unlink()
        return current is not None


def find(name: str = DEFAULT_NAME) -> RunningStack:
    """Return a stack that runs."""
    current = state.load(name)
    if current is None or not (_cloud_runs(current) and _services_run(current)):
        start = "make up" if name == DEFAULT_NAME else f"python -m infra up --stack {name}"
        raise OperatorError(f"No stack {name!r} is running; start it with `{start}`.")
    return _stack(current, [])


def keep_secret(name: str, variable: str, value: str) -> None:
    """Have a stack remember another value of a secret, and its partners take both."""
    with alone_with(name):
        current = state.load(name)
        if current is None:
            raise OperatorError(f"No stack {name!r} is running.")
        before = current.known_secrets()
        current.secrets = before.model_copy(update={variable.lower(): value})
        current.save()
    stack = _stack(current, [])
    # Another secret's rotation leaves the keys alone that partners take meanwhile.
    if variable == SecretName.FINANCE_API_KEY:
        stack.finance.set_api_keys(value, before.finance_api_key)
    elif variable == SecretName.AUDIT_API_KEY:
        stack.audit.set_api_keys(value, before.audit_api_key)
    stack.close()


def forget_secrets_before(name: str) -> None:
    """Have the partners of a stack take the keys in force alone."""
    stack = find(name)
    _take_keys_in_force(stack)
    stack.close()


def names() -> list[str]:
    """Return the names of the stacks that have a state."""
    return sorted(path.parent.name for path in LOCAL.glob(f"*/{state.FILE}"))


@contextmanager
def running(
    name: str,
    *,
    environment: Mapping[str, str] | None = None,
    port: int = ANY_PORT,
    elsewhere: str | None = None,
    progress: Progress | None = None,
) -> Iterator[RunningStack]:
    """Run a stack of one's own for the length of a block, e.g. of the e2e tests."""
    down(name)
    stack = up(
        name,
        port=port,
        owned=True,
        environment=environment or {},
        elsewhere=elsewhere,
        progress=progress,
    )
    try:
        yield stack
    finally:
        down(name)
        stack.close()


@contextmanager
def alone_with(name: str) -> Iterator[None]:
    """Keep other commands off a stack."""
    folder = stack_folder(name)
    busy = f"Another command is at work on the stack {name!r}."
    with exclusive(folder / _LOCK, wait=False, busy=busy):
        try:
            yield
        finally:
            if [path.name for path in folder.iterdir()] == [_LOCK]:
                shutil.rmtree(folder)


def _cloud_runs(current: StackState) -> bool:
    if current.elsewhere is not None:
        return True  # as far as we know; its first call tells
    return current.cloud is not None and processes.is_running(current.cloud.process)


def _services_run(current: StackState) -> bool:
    return current.services is not None and processes.is_running(current.services.process)


def _start(
    current: StackState, port: int, progress: Progress, *, or_any_port: bool
) -> list[Started]:
    """Start what does not run yet; each process is on record before the next one starts."""
    if _services_run(current):
        _refuse_another_port(current, port)
    elif port != ANY_PORT and not or_any_port and not is_free(port):
        raise OperatorError(
            f"Port {port} is taken by {who_holds(port)}; end it or choose another with --port."
        )
    folder = stack_folder(current.name)
    folder.mkdir(parents=True, exist_ok=True)
    started = []
    if not _cloud_runs(current):
        with progress.step("Preparing the embedded cloud"):
            embedded.prepare()
        with progress.step("Starting the embedded cloud"):
            current.cloud, process = embedded.start(folder)
            started.append(process)
    current.save()
    if not _services_run(current):
        with progress.step("Starting the stand-ins and the front"):
            secrets = current.known_secrets()
            current.services, process = services_process.start(
                folder,
                endpoint_url=current.endpoint_url,
                front_port=port,
                or_any_port=or_any_port,
                finance_api_key=secrets.finance_api_key,
                audit_api_key=secrets.audit_api_key,
            )
            started.append(process)
    current.save()
    return started


def _take_keys_in_force(stack: RunningStack) -> None:
    stack.finance.set_api_keys(stack.secrets.finance_api_key)
    stack.audit.set_api_keys(stack.secrets.audit_api_key)


def _refuse_another_port(current: StackState, port: int) -> None:
    if current.services is not None and port not in {ANY_PORT, current.services.ports.front}:
        raise OperatorError(
            f"The stack {current.name!r} already runs on port {current.services.ports.front};"
            " end it first to move it."
        )


def _deploy(
    current: StackState,
    environment: Mapping[str, str],
    progress: Progress,
    started: list[Started],
) -> RunningStack:
    stack = _stack(current, started)
    _take_keys_in_force(stack)
    with progress.step("Packaging the service") as report:
        built = package.build(
            stack_folder(current.name) / "package", stage=LOCAL_STAGE, report=report
        )
    with progress.step("Deploying the stack") as report:
        outputs = deploy.deploy(
            built,
            stack_name=current.stack_name,
            parameters=local_configuration.parameters_for(
                environment,
                stack.secrets,
                finance_url=stack.finance.url,
                audit_url=stack.audit.url,
            ),
            endpoint_url=stack.endpoint_url,
            region=current.region,
            report=report,
            rotates_secrets=True,
        )
    current.outputs = outputs
    current.save()
    stack.outputs = outputs
    stack.services.point_front_at(outputs["RestAPIId"])
    return stack


def _stack(current: StackState, started: list[Started]) -> RunningStack:
    if current.services is None:
        raise OperatorError(f"The stack {current.name!r} was not started completely.")
    ports = current.services.ports
    return RunningStack(
        name=current.name,
        region=current.region,
        stack_name=current.stack_name,
        # The name people type; clients that try ::1 first fall back at once on a refused port.
        api_url=f"http://localhost:{ports.front}/api",
        endpoint_url=current.endpoint_url,
        outputs=current.outputs,
        secrets=current.known_secrets(),
        services=ServicesClient(ports),
        _started=started,
    )


def _stop(current: StackState) -> None:
    if current.services is not None:
        processes.stop(current.services.process)
    if current.cloud is not None:
        embedded.stop(current.cloud)
    if current.elsewhere is not None:
        deploy.destroy(
            current.stack_name,
            endpoint_url=current.elsewhere,
            region=current.region,
            report=lambda _: None,
        )
