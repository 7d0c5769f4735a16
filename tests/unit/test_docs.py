"""The pages in docs/ name what the code has: no more, no less."""

import ast
import json
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
import typer
from pynamodb.models import Model
from typer.main import get_command

from chalicelib.adapters import rows as rows_package
from chalicelib.domain.event_catalogue import CATALOGUE, EventData
from chalicelib.domain.jobs import JobName
from chalicelib.domain.retries import MAX_RECEIVES, seconds_until_retry
from chalicelib.handlers.http import local_front
from chalicelib.handlers.http.envelope import INTERNAL_ERROR, STATUS
from chalicelib.handlers.http.routes import api
from chalicelib.settings import Settings
from infra.cli import app
from infra.cli_dead_letters import NAMES
from infra.dead_letters import DELIVERIES
from infra.migrations import MIGRATIONS
from infra.secret_names import SecretName
from infra.template.alarms import every
from infra.template.dashboard import dashboard
from tests.access_matrix import AFTER_SUBMIT, ITEM, MATRIX, expected

ROOT = Path(__file__).parents[2]


@cache
def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


def section(name: str, heading: str) -> str:
    """Return what stands under a heading of a page."""
    found = re.search(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page(name), re.MULTILINE | re.DOTALL
    )
    assert found, f"docs/{name}.md has no section {heading!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables in a text, without their headings."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    headings = {i - 1 for i, line in enumerate(lines) if set(line) <= set("|-")}
    return [c for i, c in enumerate(cells) if i not in headings and i - 1 not in headings]


def quoted(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


def test_every_route_is_in_the_api_page_and_no_other() -> None:
    named = [quoted(row[0])[0] for row in rows(section("api", "Routes"))]
    assert sorted(named) == sorted(f"{route.method} {route.path}" for route in api.routes)


def test_the_api_page_names_the_scope_that_each_route_takes() -> None:
    named = {quoted(row[0])[0]: quoted(row[2]) for row in rows(section("api", "Routes"))}
    scopes = {f"{r.method} {r.path}": [r.scope.value] if r.scope else [] for r in api.routes}
    assert named == scopes


#: Who may, as the page puts it, of those whose request it is about.
WHO = {
    "owner, department admin": {"owner", "department admin"},
    "owner, department admin, SuperAdmin": {"owner", "department admin", "superadmin"},
    "department admin, SuperAdmin": {"department admin", "superadmin"},
    "SuperAdmin": {"superadmin"},
}


def test_the_api_page_says_who_may_as_the_access_matrix_does() -> None:
    told = {quoted(row[0])[0]: row[1] for row in rows(section("api", "Routes"))}
    judged = 0
    for route, who in told.items():
        phrases = who.split("; after the submit ")
        for phrase, row in zip(phrases, (MATRIX[route], AFTER_SUBMIT), strict=False):
            if phrase in WHO:
                may = {each for each, status in expected(row).items() if status != "403"}
                assert may & WHO["owner, department admin, SuperAdmin"] == WHO[phrase], route
                judged += 1
    assert f"PUT {ITEM}" in told
    assert judged > len(told) / 2


def test_every_error_code_is_in_the_api_page_with_its_status() -> None:
    named = {quoted(row[0])[0]: row[1] for row in rows(section("api", "Error codes"))}
    known = {error.code: str(int(status)) for error, status in STATUS.items()}
    local = {refusal.code: str(refusal.status) for refusal in local_front.REFUSALS}
    assert named == known | {INTERNAL_ERROR: "500"} | local


def test_every_event_is_in_the_events_page_with_what_it_carries() -> None:
    named = {quoted(row[0])[0]: quoted(row[1]) for row in rows(page("events"))}
    common = len(EventData.model_fields)
    known = {
        event.value: [str(field.alias) for field in list(data.model_fields.values())[common:]]
        for event, data in CATALOGUE.items()
    }
    assert named == known


def test_every_setting_is_in_the_configuration_page_and_no_other() -> None:
    tables_of_settings = section("configuration", "What an operator sets") + section(
        "configuration", "What the stack tells its functions"
    )
    named = [name for row in rows(tables_of_settings) for name in quoted(row[0])]
    assert sorted(named) == sorted(str(f.alias) for f in Settings.model_fields.values())


def commands() -> set[str]:
    """Return every command of the command line, those below others with them."""
    found = set()

    def look(group: typer.Typer, before: str) -> None:
        for command in group.registered_commands:
            called = command.name or str(getattr(command.callback, "__name__", ""))
            found.add(f"{before}{called}")
        for below in group.registered_groups:
            assert below.typer_instance
            if below.typer_instance.registered_callback:
                found.add(str(below.name))
            look(below.typer_instance, f"{below.name} ")

    look(app, "")
    return found


def test_every_command_is_in_the_operators_page_and_no_other() -> None:
    named = [name for row in rows(section("operators", "Commands")) for name in quoted(row[0])]
    assert sorted(named) == sorted(commands())


def test_every_job_migration_and_secret_is_in_the_operators_page_and_no_other() -> None:
    def first(heading: str) -> list[str]:
        return [name for row in rows(section("operators", heading)) for name in quoted(row[0])]

    assert sorted(first("Jobs")) == sorted(JobName)
    assert first("Migrate the data") == [migration.id for migration in MIGRATIONS]
    assert sorted(first("Rotate a secret")) == sorted(SecretName)


@pytest.mark.parametrize("name", [*sorted(p.stem for p in (ROOT / "docs").glob("*.md"))])
def test_links_to_a_section_of_a_page_lead_to_one(name: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)", page(name)):
        text = page(Path(target).stem if target else name)
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        known = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
        assert anchor in known, f"{target}#{anchor}"


@cache
def constants() -> set[str]:
    """Return every constant of the code, by name and by module and name."""
    found = set()
    for path in [p for f in ("chalicelib", "infra") for p in (ROOT / f).rglob("*.py")]:
        for node in ast.parse(path.read_text()).body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            for target in targets:
                if isinstance(target, ast.Name) and target.id.isupper():
                    found |= {target.id, f"{path.stem}.{target.id}"}
    return found


LIMITS = [name for row in rows(section("configuration", "Limits")) for name in quoted(row[2])]


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_that_the_configuration_page_names_is_in_the_code(name: str) -> None:
    assert name in constants()


def test_the_lines_that_alarms_count_are_what_the_handlers_log() -> None:
    handlers = (ROOT / "chalicelib" / "handlers").glob("*.py")
    logged = {
        node.value
        for path in handlers
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    lines = [
        (quoted(message)[0], quoted(says))
        for message, *_, says in rows(section("dead-letters", "What the log says"))
    ]
    assert lines
    for message, fields in lines:
        assert {message, *fields} <= logged


def test_every_kind_of_dead_letter_can_be_sent_back_by_the_operations_page() -> None:
    told = quoted("".join(row[0] for row in rows(section("dead-letters", "Dead letters"))))
    assert sorted(told) == sorted(NAMES.split(", "))


def test_every_folder_that_the_architecture_page_names_is_there() -> None:
    places = [name for row in rows(section("architecture", "Where things are")) for name in row[:1]]
    named = {quoted(place)[0] for place in places}
    assert {name for name in named if not (ROOT / name).exists()} == set()
    packages = {
        path.name for path in (ROOT / "chalicelib").iterdir() if (path / "__init__.py").exists()
    }
    assert {f"chalicelib/{package}" for package in packages} <= named


def test_every_kind_of_row_is_in_the_architecture_page() -> None:
    named = {
        quoted(row[-1])[0] for row in rows(section("architecture", "The tables")) if "`" in row[-1]
    }
    kinds = {
        row.sk.default
        for module in iter_modules(rows_package.__path__, f"{rows_package.__name__}.")
        for row in vars(import_module(module.name)).values()
        if isinstance(row, type)
        and issubclass(row, Model)
        and hasattr(row, "sk")
        and row.sk.default
    }
    assert kinds <= named


@pytest.mark.parametrize("name", [*sorted(p.stem for p in (ROOT / "docs").glob("*.md"))])
def test_links_between_pages_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\((?!https?://)([^)#]+)", page(name)):
        assert (ROOT / "docs" / link).exists(), link


def test_the_readmes_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\((?!https?://)([^)#]+)", (ROOT / "README.md").read_text()):
        assert (ROOT / link).exists(), link


def test_the_runbook_says_how_long_it_takes_until_a_message_is_a_dead_letter() -> None:
    waits = sum(seconds_until_retry(receives) for receives in range(1, MAX_RECEIVES))

    assert f"after {MAX_RECEIVES} attempts in about {round(waits / 3600)} hours" in page("runbook")


def test_an_alarm_of_dead_letters_ends_with_what_redrive_calls_the_queue() -> None:
    ends = {alarm.of for alarm in every() if alarm.page == "dead-letters"}

    assert ends == set(NAMES.split(", ")) - {DELIVERIES}
    assert "-dlq`" not in page("runbook")


@cache
def charts() -> set[str]:
    """Return the title of every chart of the dashboard."""
    body = dashboard()["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    return {widget["properties"]["title"] for widget in json.loads(body)["widgets"]}


def test_every_chart_that_the_runbook_looks_at_is_on_the_dashboard() -> None:
    named = re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", page("runbook"))
    titles = {re.sub(r" \(.*\)$", "", title) for title in charts()}
    assert named
    assert {" ".join(name.split()) for name in named} <= titles


@pytest.mark.parametrize("name", ["runbook", "operators", "dead-letters"])
def test_every_route_that_an_operators_page_names_is_one(name: str) -> None:
    known = {f"{route.method} /api{route.path}" for route in api.routes}
    shown = re.findall(r"`((?:GET|POST|PUT|DELETE) /api[^`?]*)", page(name))
    for call in shown:
        method, path = call.split()[:2]
        fits = re.sub(r"(?<=/)[a-z]+-[a-z]+(?=/runs$|$)", "{job}", path)  # a job by its name
        assert {f"{method} {path}", f"{method} {fits}"} & known, call


def command_lines(name: str) -> list[str]:
    """Return each call of the command line that a page shows, without what is only optional."""
    found = re.findall(r"(?:^|[`\s])(?:\S*python -m )?infra ((?:--|[a-z])[^`#\n]*)", page(name))
    return [line for line in found if line.split()[0] in {c.split()[0] for c in commands()}]


@pytest.mark.parametrize("name", ["runbook", "operators", "dead-letters", "messages-in"])
def test_every_command_line_that_a_page_shows_is_understood(name: str) -> None:
    lines = command_lines(name)
    assert lines
    for line in lines:
        at = get_command(app)
        words = re.sub(r"[\[\]]", "", re.split(r"[;|]", line)[0]).split()
        while words:
            word = words.pop(0).rstrip(",.")
            if word.startswith("-"):
                option = next((p for p in at.params if word.split("=")[0] in p.opts), None)
                assert option, f"{line}: {word}"
                if not getattr(option, "is_flag", False) and "=" not in word and words:
                    words.pop(0)
            elif hasattr(at, "commands") and word != "…":
                assert word in at.commands, f"{line}: {word}"
                at = at.commands[word]
