"""docs/API.md is held to the code: variables, options, exit statuses, HTTP statuses, and what is for Slack alone."""

from __future__ import annotations

import re
import shlex

import typer.main
import yaml

from bot.__main__ import cli
from bot.api import models, routes
from bot.api.access import REQUESTS_A_MINUTE
from bot.api.openapi import description
from bot.client import connection, lab
from commands.engines.vault.places import AGENT_SECONDS, AGENTS_MOUNT
from commands.table import COMMANDS
from state.records import Person
from tests.test_docs import page, table_below


def test_the_variables_of_the_command_line_are_told() -> None:
    told = table_below(page("API.md"), "## The command line")
    assert tuple(name for name in told if not name.startswith("--")) == connection.VARIABLES
    assert set(table_below(page("API.md"), "## An agent")) == {"INNKEEPER_ROLE_ID", "INNKEEPER_SECRET_ID"}


def lab_command() -> typer.core.TyperCommand:
    group = typer.main.get_command(cli)
    found = getattr(group, "commands", {})["lab"]
    assert isinstance(found, typer.core.TyperCommand)
    return found


def test_its_options_are_told() -> None:
    options = {name for each in lab_command().params for name in each.opts if name.startswith("--")} | {
        "--help"
    }
    told = set(re.findall(r"^\| `(--\w+)` \|", page("API.md"), re.MULTILINE))
    assert told == options


def statuses_below(heading: str) -> set[int]:
    section = page("API.md").partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    return {int(number) for number in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}


def test_its_exit_statuses_are_told() -> None:
    expected = {lab.GOOD, lab.ENDED_BADLY, lab.REFUSED, lab.STILL_WAITING}
    assert statuses_below("## The command line") == expected
    assert all(f"{each} " in (lab_command().help or "") for each in expected)


def test_the_statuses_of_http_are_told() -> None:
    described = {
        int(status)
        for methods in description()["paths"].values()
        for operation in methods.values()
        for status in operation["responses"]
    }
    assert statuses_below("## HTTP") == described - {200, 202}


def test_the_limits_are_told() -> None:
    text = page("API.md")
    assert f"more than {routes.BODY_LIMIT_BYTES // 1024} KiB" in text
    assert f"more than {REQUESTS_A_MINUTE} requests" in text
    assert f"up to {models.KEY_LIMIT} characters" in text
    assert f"wait={models.LONGEST_WAIT_SECONDS}" in text
    assert AGENT_SECONDS == 3600
    assert f"`auth/{AGENTS_MOUNT}`" in text
    assert f"`innkeeper/operators/{Person.agent('ci').key}`" in text


def test_what_is_for_slack_alone_is_told() -> None:
    end = page("API.md").partition("Secrets never travel here.")[2]
    told = set(re.findall(r"`/((?:lab|key|operator) [a-z-]+)`", end))
    assert told == {" ".join(command.words) for command in COMMANDS if command.in_slack}


def test_the_pipelines_are_yaml_and_their_commands_parse() -> None:
    asked = []
    for block in re.findall(r"```yaml\n(.*?)```", page("API.md"), re.DOTALL):
        asked += re.findall(r"innkeeper lab (.*)", yaml.safe_dump(yaml.safe_load(block), width=1000))
    assert len(asked) == 4
    for each in asked:
        typed = shlex.split(each.replace("${{ ", "").replace(" }}", "").strip("'"))
        assert lab_command().make_context("lab", typed).params["words"][0] in ("up", "down")
