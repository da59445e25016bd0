"""Docs are tests: what the pages name exists, and what exists is named."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
import yaml

from bot.__main__ import cli
from bot.client import connection
from bot.settings import Settings
from bot.views import drift_card, home
from bot.views.card import card as card_view
from commands.blueprints import file as blueprint_file
from commands.blueprints import records as blueprint_records
from commands.blueprints.catalogue import Catalogue
from commands.costs import prices
from commands.lifetime import extending
from commands.lifetime import words as lifetime_words
from commands.table import ANYBODY, COMMANDS, OPERATORS, Command
from commands.words import short
from state import migrations
from state.transitions import RunState

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
SCREENS = 120  # lines of README: two screens

# Variables that pages name and that are somebody else's.
FOREIGN = {
    "TF_CLI_CONFIG_FILE",
    "TF_HTTP_USERNAME",
    "TF_HTTP_PASSWORD",
    "DIGITALOCEAN_TOKEN",
    *connection.VARIABLES,
    "CI_JOB_ID",
    "CI_MERGE_REQUEST_IID",
}


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def code_in(path: Path) -> str:
    """What stands in backticks and in code blocks of a page, a piece a line."""
    text = path.read_text()
    fenced = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE))
    return "\n".join([*fenced, *inline])


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each row of a page's tables, heads left out."""
    before: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and not re.fullmatch(r"[|\- :]+", line) and before:
            yield cells
        before = cells if cells else []


def table_below(text: str, heading: str) -> dict[str, list[str]]:
    """First cell, without its backticks → the others, of the first table below a heading."""
    _, found, rest = f"\n{text}".partition(f"\n{heading}\n")
    assert found, f"there is no heading {heading}"
    section = re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return {cells[0].strip("`"): cells[1:] for cells in rows(section) if cells[0].startswith("`")}


def who(command: Command) -> str:
    if command.roles == ANYBODY:
        return "everybody"
    return "every operator" if command.roles == OPERATORS else ", ".join(command.roles)


# Commands


def test_every_command_has_its_row_and_every_row_its_command() -> None:
    expected = [
        f"| `{each.usage.replace('|', chr(92) + '|')}` | {who(each)} | {each.help} | `{each.example}` |"
        for each in COMMANDS
    ]
    shown = [
        line
        for line in page("COMMANDS.md").splitlines()
        if line.startswith(("| `/lab", "| `/key", "| `/operator"))
    ]
    assert shown == expected


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_that_is_named_exists(path: Path) -> None:
    known = {" ".join(command.words) for command in COMMANDS}
    named = set(re.findall(r"(?<![\w/.`-])/((?:lab|operator|key) [a-z]+)", code_in(path)))
    assert named <= known
    mentioned = set(re.findall(r"@innkeeper (\w+(?: \w+)?)", code_in(path)))
    for words in mentioned:
        assert words in known or f"lab {words.split()[0]}" in known


def test_every_example_begins_with_the_command_it_is_an_example_of() -> None:
    for command in COMMANDS:
        surface = f"/{' '.join(command.words)}"
        assert command.example == surface or command.example.startswith(surface + " ")


def test_every_button_of_a_card_is_told_of() -> None:
    sources = [
        Path(card_view.__code__.co_filename),
        Path(drift_card.__file__),
        Path(home.__file__),
        *map(Path, (lifetime_words.__file__, extending.__file__)),
    ]
    labels = {label for path in sources for label in re.findall(r'Button\("([^"]+)"', path.read_text())}
    assert labels == set(table_below(page("COMMANDS.md"), "## Buttons"))


# Settings


def test_every_variable_has_its_row_and_every_row_its_variable() -> None:
    documented = list(table_below(page("SETTINGS.md"), "# Settings"))
    assert documented == [name.upper() for name in Settings.model_fields]


def test_the_defaults_are_the_ones_that_are_told() -> None:
    told = table_below(page("SETTINGS.md"), "# Settings")
    fallback = {"SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "VAULT_ROLE_ID", "BASE_URL"}  # told in words
    for name, field in Settings.model_fields.items():
        if name.upper() in fallback:
            continue
        default = field.default
        if name == "plan_ttl":
            written = "24h"
            assert default == 24 * 3600
        elif default in (None, ()):
            written = "empty" if default == () else "none"
        else:
            written = str(default)
        assert told[name.upper()][-1].strip("`") == written, name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_variable_that_is_named_exists(path: Path) -> None:
    known = {name.upper() for name in Settings.model_fields} | FOREIGN | {"TOUR", "CI"}
    shell = set(re.findall(r"^\s*([A-Z]+)=", code_in(path), re.MULTILINE))  # a script's own
    pieces = re.findall(
        r"(?<![\w/$.-])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?=[=\s]|$)", code_in(path), re.MULTILINE
    )
    assert set(pieces) - shell <= known


# Blueprints


def example() -> str:
    found = re.search(r"```yaml\n(.*?)```", page("BLUEPRINTS.md"), re.DOTALL)
    assert found is not None
    return found[1]


def catalogue_of(folder: Path, text: str) -> Catalogue:
    (folder / "web").mkdir(parents=True)
    (folder / "web" / "main.tf").write_text("")
    (folder / "web" / "site.yml").write_text("")
    (folder / "web" / "blueprint.yaml").write_text(text)
    return Catalogue(folder)


def test_the_example_is_a_blueprint(tmp_path: Path) -> None:
    catalogue = catalogue_of(tmp_path / "labs", example())
    assert [str(broken) for broken in catalogue.broken()] == []
    web = catalogue.get("web")
    assert web.variables["licence"].from_form
    assert web.variables["registry_token"].vault == "innkeeper/variables/registry#token"
    assert web.approvals.needed == {"infra": 1, "security": 1}
    assert web.destroy_approvals is not None
    assert web.destroy_approvals.self_approval


def test_the_example_shows_every_key() -> None:
    assert set(yaml.safe_load(example())) == set(blueprint_file.KEYS)


SECTIONS = {  # heading → where an unknown key has to stand to be told the known ones
    "## Keys": "{%s}",
    "### In `variables`, for each variable": "{variables: {size: {%s}}}",
    "### In `cost`": "{cost: {%s}}",
    "### In `lifetime`": "{lifetime: {%s}}",
    "### In `approvals`": "{approvals: {%s}}",
    "### In `secure`": "{secure: {%s}}",
    "### In `database`, below `secure`": "{secure: {database: {%s}}}",
    "### In `deploy`": "{deploy: {%s}}",
    "### In `integrate`": "{integrate: {%s}}",
    "### In `test`, for each check": "{test: [{%s}]}",
    "### In `activity`": "{activity: {%s}}",
    "### In `office_hours`": "{office_hours: {%s}}",
}


@pytest.mark.parametrize(("heading", "place"), SECTIONS.items(), ids=SECTIONS)
def test_every_key_has_its_row_and_every_row_its_key(tmp_path: Path, heading: str, place: str) -> None:
    """What an unknown key is answered with names the known ones: those are the rows."""
    basis = {"name": "web", "summary": "Two web servers"}
    wrong = yaml.safe_load(place % "zzzzzzzz: 1")
    text = yaml.safe_dump({**basis, **wrong}, sort_keys=False)
    (broken,) = catalogue_of(tmp_path / "labs", text).broken()
    assert "zzzzzzzz" in broken.sentence
    known = set(re.findall(r"\w+", broken.sentence.partition("It has ")[2])) - {"and"}
    assert known == set(table_below(page("BLUEPRINTS.md"), heading))


def test_the_defaults_of_a_lifetime_are_the_ones_that_are_told() -> None:
    told = table_below(page("BLUEPRINTS.md"), "### In `lifetime`")
    ours = blueprint_records.Lifetime()
    for key in ("ttl", "idle", "remind_every", "grace"):
        assert told[key][-1] == f"`{short(getattr(ours, f'{key}_seconds'))}`", key
    assert told["max"][-1].startswith(f"`{short(ours.max_seconds)}`")


def test_what_innkeeper_fills_in_is_told() -> None:
    told = table_below(page("BLUEPRINTS.md"), "### Filled in by Innkeeper")
    assert tuple(told) == blueprint_file.FILLED_BY_US


# Design


def test_every_state_of_a_run_and_every_table_is_told_of() -> None:
    design = page("DESIGN.md")
    assert list(table_below(design, "## Runs")) == [state.value for state in RunState]
    created = set()
    for migration in migrations.MIGRATIONS:
        for statement in (*migration.shared, *migration.sqlite):
            created |= set(re.findall(r"CREATE TABLE (\w+)", statement))
    assert set(table_below(design, "## Tables")) == created


def test_every_address_is_told_of() -> None:
    served = set()
    for name in (
        "server",
        "state_backend",
        "ssh_routes",
        "activity_routes",
        "catalogue_routes",
        "api/routes",
    ):
        served |= set(re.findall(r'Route\("(/[^"]+)"', (ROOT / "bot" / f"{name}.py").read_text()))
    told = set(table_below(page("DESIGN.md"), "### Addresses"))
    assert told == {address.replace("{lab}", "LAB").replace("{run}", "RUN") for address in served}


# Dependencies


def requirement_names(requirements: list[str]) -> list[str]:
    return [re.split(r"[\[<>=~! ]", each, maxsplit=1)[0] for each in requirements]


def project() -> dict[str, list[str]]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = table["optional-dependencies"]
    return {
        "## To run": requirement_names(table["dependencies"]),
        "## With `innkeeper[postgresql]`": requirement_names(extras["postgresql"]),
        "## To develop": requirement_names(extras["dev"]),
    }


@pytest.mark.parametrize(("heading", "names"), project().items(), ids=project())
def test_every_dependency_has_its_row_and_every_row_its_dependency(heading: str, names: list[str]) -> None:
    told = table_below(page("DEPENDENCIES.md"), heading)
    assert list(told) == names
    assert all(cells[0] for cells in told.values())


def test_whatever_is_imported_is_declared() -> None:
    declared = {name.lower().replace("_", "-") for names in project().values() for name in names}
    distributions = importlib.metadata.packages_distributions()
    known = {*sys.stdlib_module_names, "bot", "commands", "state"}
    missing = set()
    for path in (path for package in ("bot", "commands", "state") for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for top in {name.split(".")[0] for name in names} - known:
                found = {each.lower().replace("_", "-") for each in distributions.get(top, [top])}
                missing |= set() if found & declared else {top}
    assert missing == set()


# All pages


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        place = (path.parent / file).resolve() if file else path
        assert place.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.+)$", place.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}


def test_the_price_table_is_told_of(tmp_path: Path) -> None:
    section = page("BLUEPRINTS.md").partition("## Prices")[2].partition("\n## ")[0]
    assert tuple(table_below(section, "")) == prices.KEYS
    assert all(f"`{key}`" in section for key in prices.PRICE_KEYS)
    (tmp_path / "prices.yaml").write_text(re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)[0])
    assert prices.read(tmp_path) is not None


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_file_that_is_named_exists(path: Path) -> None:
    pattern = r"(?<![\w/.])((?:bot|commands|state|tests|labs|bench|docs)/[\w/.-]*|[\w-]+\.(?:yaml|toml))(?=[\s,;:)]|$)"
    named = re.findall(pattern, "\n".join(re.findall(r"`([^`\n]+)`", path.read_text())), re.MULTILINE)
    made = {"blueprint.yaml", "config.yaml"}
    assert [name for name in named if name not in made and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_target_and_subcommand_that_is_named_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?<![\w-])make ([a-z]+)", code_in(path))) <= targets
    root = typer.main.get_command(cli)
    known = set(getattr(root, "commands", {}))
    used = re.findall(r"(?<![\w@/\[.-])(?:\.venv/bin/|bin/)?innkeeper ([a-z]+)(?: ([a-z]+))?", code_in(path))
    for name, inner in used:
        assert name in known, name
        group = getattr(root, "commands", {})[name]
        if inner and hasattr(group, "commands"):
            assert inner in group.commands


def test_every_subcommand_is_told_of() -> None:
    root = typer.main.get_command(cli)
    for name, command in getattr(root, "commands", {}).items():
        whole = [f"{name} {inner}" for inner in getattr(command, "commands", {})] or [name]
        for each in whole:
            assert f"`innkeeper {each}`" in page("DESIGN.md"), each


def test_the_readme_is_two_screens() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= SCREENS


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text()
    for path in PAGES[1:]:
        assert f"({path.relative_to(ROOT)})" in readme, path.name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_speak_calmly(path: Path) -> None:
    text = re.sub(r"`[^`]*`|!\[", "", path.read_text())
    assert not re.search(r"\w!(\s|$)", text)
    assert not re.search(r"\b(TODO|TBD|FIXME)\b|unable to|something went wrong", text)


def test_what_is_installed_is_what_the_changelog_tells_of() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text()
