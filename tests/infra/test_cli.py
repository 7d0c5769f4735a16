import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jwt
import psutil
import pytest
from typer.testing import CliRunner

from chalicelib.domain.access import BUS_SCOPES, DEPARTMENTS, Scope
from chalicelib.domain.bus_keys import Command
from infra import local, state
from infra.cli import app
from infra.embedded import REGION, EmbeddedCloud
from infra.paths import ROOT, stack_folder
from infra.ports import LOOPBACK
from infra.processes import Background
from infra.services import Ports
from infra.services_process import HostProcess
from infra.state import Secrets, StackState

SECRET = "s" * 32
COMMANDS = [
    ["up"],
    ["down"],
    ["demo"],
    ["status"],
    ["token"],
    ["api-key"],
    ["api-key", "list"],
    ["api-key", "revoke"],
    ["logs"],
    ["invoke"],
    ["dlq"],
    ["redrive"],
    ["republish"],
    ["package"],
    ["deploy"],
    ["destroy"],
    ["rotate"],
    ["migrate"],
    ["seed"],
    ["backup"],
    ["restore"],
    ["standin"],
    ["standin", "received"],
    ["standin", "stop"],
    ["standin", "start"],
    ["standin", "behaviour"],
]


@pytest.fixture
def name() -> Iterator[str]:
    """The name of a stack nobody else has."""
    unique = f"cli-{os.getpid()}"
    yield unique
    state.forget(unique)
    local.down(unique)


@pytest.fixture
def stack(name: str) -> str:
    """A stack that seems to run: its processes are this one, which nobody ends."""
    me = Background(pid=os.getpid(), started=psutil.Process().create_time())
    StackState(
        name=name,
        secrets=Secrets(
            jwt_secret=SECRET, finance_api_key="f", audit_api_key="a", bus_signing_key="b"
        ),
        cloud=EmbeddedCloud(process=me, endpoint_url="http://127.0.0.1:1", files=ROOT / "none"),
        services=HostProcess(
            process=me,
            ports=Ports(front=4444, admin=1, standins={"finance": 1, "audit": 2, "receiver": 3}),
        ),
        region=REGION,
        stack_name="some-stack",
        outputs={
            "RestAPIId": "abc",
            "APIHandlerName": "some-stack-api",
            "RelayFunctionName": "some-stack-relay",
            "EventBusName": "some-stack",
            "AuditQueueUrl": "http://127.0.0.1:1/000000000000/some-stack-audit",
            "WorkTableName": "some-stack-Work",
        },
    ).save()
    return name


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as people do."""
    return subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "infra", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def is_one_clear_line(text: str) -> bool:
    return text.startswith("Error: ") and text.count("\n") == 1 and "Traceback" not in text


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])

    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_help_does_not_load_what_only_work_needs() -> None:
    heavy = "{'boto3', 'uvicorn', 'httpx', 'pydantic'}"
    program = f"import sys, infra.cli; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run(  # noqa: S603 - a program written here
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_a_stack_that_does_not_run_is_one_clear_line(name: str) -> None:
    done = run("status", "--stack", name)

    assert done.returncode == 1
    assert done.stdout == ""
    assert is_one_clear_line(done.stderr)
    assert name in done.stderr


def test_a_name_that_is_a_path_is_refused() -> None:
    done = run("down", "--stack", "../elsewhere")

    assert done.returncode == 1
    assert "no stack name" in done.stderr


def test_the_end_of_a_stack_that_does_not_run_is_fine(name: str) -> None:
    done = run("down", "--stack", name)

    assert done.returncode == 0


def test_a_token_is_all_that_is_printed(stack: str) -> None:
    done = run(
        *("token", "--stack", stack, "--role", "Finance Admin", "--sub", "u-1"),
        *("--name", "fa", "--email", "fa@example.com", "--expires-in", "30m"),
    )

    claims = jwt.decode(done.stdout.strip(), SECRET, algorithms=["HS256"])
    assert claims["exp"] - claims["iat"] == 30 * 60
    assert {claim: claims[claim] for claim in ("sub", "username", "role", "email")} == {
        "sub": "u-1",
        "username": "fa",
        "role": "Finance Admin",
        "email": "fa@example.com",
    }
    assert "department" not in claims


@pytest.mark.parametrize("duration", ["1", "h", "1y", "-1h", "1h30m"])
def test_a_duration_that_cannot_be_read_is_refused(stack: str, duration: str) -> None:
    result = CliRunner().invoke(
        app,
        [
            *("token", "--stack", stack, "--role", "x", "--sub", "x", "--name", "x"),
            *("--expires-in", duration),
        ],
    )

    assert result.exit_code == 1
    assert "is no duration" in str(result.exception)


def test_the_help_of_api_keys_names_every_scope_and_department() -> None:
    shown = CliRunner().invoke(app, ["api-key", "--help"], terminal_width=200).stdout

    assert all((scope in shown) is (scope not in BUS_SCOPES) for scope in Scope)
    assert all(department in shown for department in DEPARTMENTS)


def test_a_key_for_nobody_and_nothing_is_refused_by_what_is_missing(stack: str) -> None:
    done = run("api-key", "--stack", stack, "--name", "Purchasing", "--department", "hr")

    assert done.returncode == 2
    assert done.stdout == ""
    assert "a new key needs --scope" in done.stderr


def test_the_help_of_bus_keys_names_every_type_and_department() -> None:
    shown = CliRunner().invoke(app, ["bus-key", "--help"], terminal_width=300).stdout

    assert all(command in shown for command in Command)
    assert all(department in shown for department in DEPARTMENTS)
    for below in ("list", "revoke", "parked"):
        assert CliRunner().invoke(app, ["bus-key", below, "--help"]).exit_code == 0


def test_a_bus_key_for_nothing_is_refused_by_what_is_missing() -> None:
    done = run("bus-key", "--source", "procurement")

    assert (done.returncode, done.stdout) == (2, "")
    assert "a new key needs --type, --department" in done.stderr


def test_a_bus_key_for_what_nobody_knows_names_all_that_is_wrong(stack: str) -> None:
    wrong = ("--source", "a b", "--type", "no.such", "--department", "legal", "--expires", "soon")
    done = run("bus-key", "--stack", stack, *wrong)

    assert (done.returncode, done.stdout) == (1, "")
    assert is_one_clear_line(done.stderr)
    assert all(f"{name}" in done.stderr for name in ("source", "types", "departments", "expiresAt"))


@pytest.mark.parametrize("before", [True, False])
def test_a_cloud_that_does_not_answer_is_one_clear_line(stack: str, *, before: bool) -> None:
    named = ("--stack", stack)
    done = run("bus-key", *named, "parked") if before else run("bus-key", "parked", *named)

    assert done.returncode == 1
    assert is_one_clear_line(done.stderr)
    assert "connect" in done.stderr


def test_a_stack_from_before_bus_keys_is_one_clear_line(stack: str) -> None:
    done = run("bus-key", "list", "--stack", stack)

    assert done.returncode == 1
    assert is_one_clear_line(done.stderr)
    assert "deploy it again" in done.stderr


@pytest.mark.parametrize(
    "command",
    [["dlq"], ["redrive", "audit"], ["republish", "--request", "BR-2026-001"]],
    ids=" ".join,
)
def test_a_stack_from_before_dead_letters_were_told_of_is_one_clear_line(
    stack: str, command: list[str]
) -> None:
    done = run(*command, "--stack", stack)

    assert (done.returncode, done.stdout) == (1, "")
    assert "deploy it again" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "asked",
    [
        [],
        ["--from", "2026-03-10"],
        ["--request", "1", "--from", "2026-03-10", "--to", "2026-03-11"],
        ["--from", "soon", "--to", "2026-03-11"],
    ],
    ids=" ".join,
)
def test_what_to_publish_again_must_be_said_in_one_way(stack: str, asked: list[str]) -> None:
    done = run("republish", *asked, "--stack", stack)

    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("before", [True, False])
def test_an_api_that_does_not_answer_is_one_clear_line(stack: str, *, before: bool) -> None:
    named = ("--stack", stack)
    done = run("api-key", *named, "list") if before else run("api-key", "list", *named)

    assert done.returncode == 1
    assert is_one_clear_line(done.stderr)
    assert "did not answer" in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [("{not json", "is not JSON"), (None, "No such file"), ("{}", "did not answer")],
)
def test_a_job_that_cannot_be_asked_for_is_one_clear_line(
    stack: str, tmp_path: Path, content: str | None, words: str
) -> None:
    payload = tmp_path / "payload.json"
    if content is not None:
        payload.write_text(content)

    done = run("invoke", "finance-sync", "--stack", stack, "--payload", str(payload))

    assert (done.returncode, done.stdout) == (1, "")
    assert is_one_clear_line(done.stderr)
    assert words in done.stderr


def test_status_tells_programs_where_everything_is(stack: str) -> None:
    result = CliRunner().invoke(app, ["status", "--stack", stack, "--json"])

    assert json.loads(result.stdout) == {
        "apiUrl": "http://localhost:4444/api",
        "endpointUrl": "http://127.0.0.1:1",
        "region": "us-east-1",
        "stackName": "some-stack",
        "busName": "some-stack",
        "queues": {"Audit": "http://127.0.0.1:1/000000000000/some-stack-audit"},
        "functions": {"api": "some-stack-api", "relay": "some-stack-relay"},
        "tables": {"Work": "some-stack-Work"},
        "standins": {
            "finance": "http://127.0.0.1:1",
            "audit": "http://127.0.0.1:2",
            "receiver": "http://127.0.0.1:3",
        },
    }


def test_status_shows_no_secret(stack: str) -> None:
    shown = CliRunner().invoke(app, ["status", "--stack", stack]).stdout

    assert "http://localhost:4444/api" in shown
    assert SECRET not in shown


def test_secrets_are_for_their_owner_alone(stack: str) -> None:
    mode = (stack_folder(stack) / state.FILE).stat().st_mode

    assert stat.S_IMODE(mode) == 0o600
    assert SECRET not in repr(state.load(stack))


def test_a_damaged_state_is_one_clear_line_without_its_content(stack: str) -> None:
    path = stack_folder(stack) / state.FILE
    path.write_text(path.read_text().replace('"pid"', '"pod"'))

    done = run("status", "--stack", stack)

    assert done.returncode == 1
    assert is_one_clear_line(done.stderr)
    assert "damaged" in done.stderr
    assert SECRET not in done.stderr


def test_an_unknown_function_has_no_logs(stack: str) -> None:
    done = run("logs", "reley", "--stack", stack)

    assert done.returncode == 1
    assert done.stderr == "Error: No function 'reley'; there are api, relay.\n"


def test_up_names_who_holds_its_port_and_starts_nothing(name: str) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        done = run("up", "--stack", name, "--port", str(port))

    assert done.returncode == 1
    assert is_one_clear_line(done.stderr)
    assert f"Port {port} is taken by " in done.stderr
    assert f"(pid {os.getpid()})" in done.stderr
    assert name not in local.names()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("JWT_SECRET", "too-short"),
        ("DEPARTMENT_ADMINS", "{not json"),
        ("FINANCE_API_URL", "nowhere"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_up_refuses_a_configuration_it_cannot_use_and_starts_nothing(
    name: str, variable: str, value: str
) -> None:
    done = run("up", "--stack", name, "--port", "0", **{variable: value})

    assert done.returncode == 1
    assert is_one_clear_line(done.stderr)
    assert variable in done.stderr
    assert value not in done.stderr
    assert name not in local.names()


def test_two_commands_do_not_work_on_a_stack_at_once(name: str) -> None:
    with local.alone_with(name):
        done = run("up", "--stack", name, "--port", "0")

    assert done.returncode == 1
    assert is_one_clear_line(done.stderr)
    assert "Another command is at work" in done.stderr


def test_deploy_names_every_variable_that_is_missing() -> None:
    needed = ("FINANCE_API_URL", "AUDIT_LOGS_API_URL", "CORS_ORIGIN", "MAIL_FROM")
    unset = dict.fromkeys(needed, "")

    done = run("deploy", "--stage", "staging", "--endpoint-url", "http://127.0.0.1:1", **unset)

    assert done.returncode == 1
    assert is_one_clear_line(done.stderr)
    assert all(f"{variable} is missing" in done.stderr for variable in needed)


def test_destroy_asks_first() -> None:
    result = CliRunner().invoke(
        app, ["destroy", "--stage", "x", "--endpoint-url", "http://127.0.0.1:1"], input="n\n"
    )

    assert result.exit_code == 1
    assert "Remove the stack budget-requests-x" in result.stderr
