"""A command is told its stack by options that it need not name."""

import typer
from typer.testing import CliRunner

from infra.options import Where, asks_where


def told(*arguments: str) -> Where:
    """Return what a command hears of where."""
    app, heard = typer.Typer(), list[Where]()

    @app.command()
    @asks_where
    def look(name: str, *, where: Where) -> None:
        assert name == "what"
        heard.append(where)

    done = CliRunner().invoke(app, ["what", *arguments], env={"AWS_REGION": None})
    assert done.exit_code == 0, done.output
    return heard[0]


def test_without_options_it_is_the_local_stack() -> None:
    assert told() == Where()
    assert told("--stack", "other") == Where(stack="other")
    assert told().is_local


def test_a_stage_or_a_name_is_a_deployed_stack() -> None:
    where = told("--stage", "prod", "--region", "eu-central-1", "--endpoint-url", "http://there")
    assert where == Where(stage="prod", region="eu-central-1", endpoint_url="http://there")
    assert not where.is_local
    assert not told("--stack-name", "budget-requests-2").is_local
