"""The shape of the program: which way imports go, that importing does nothing, how large a room may be."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("bot", "commands", "state")
MODULE_LINES = 350
FUNCTION_LINES = 60

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

# The workspace serves any Bolt app and knows nothing of ours; these few of its folder connect it with our bot.
CONNECTING = ("demo", "house", "tour", "tour_acts", "transcript", "vault_server")


def sources(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imported(path: Path) -> set[str]:
    """Every module that a file imports, at its top or within a function, as dotted names."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def offenders(paths: list[Path], forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{module_of(path)} imports {name}"
        for path in paths
        for name in sorted(imported(path))
        if name.split(".")[0] in forbidden
    ]


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_imports_go_from_bot_to_commands_to_state_and_never_back() -> None:
    assert offenders(sources("state"), ("bot", "commands", "tests")) == []
    assert offenders(sources("commands"), ("bot", "tests")) == []
    assert offenders(sources("bot"), ("tests", "bench")) == []


def test_only_the_rim_talks_to_slack() -> None:
    """Commands return an Outcome, and views are pure: neither can send anything."""
    assert offenders(sources("commands", "state"), ("slack_sdk", "slack_bolt", "starlette", "uvicorn")) == []
    views = [path for path in sources("bot") if "views" in path.parts]
    assert [path.name for path in views if "slack_sdk.WebClient" in imported(path)] == []
    assert offenders(views, ("slack_bolt", "requests", "hvac", "sqlite3")) == []


def test_only_the_notifier_sends() -> None:
    senders = {module_of(path) for path in sources("bot") if "bot.slack.Slack" in imported(path)}
    own_rooms = {"bot.outgoing", "bot.home_tab", "bot.late_pictures", "bot.windows"}  # of the notifier
    assert senders == {"bot.notifier", "bot.build"} | own_rooms


def test_the_local_workspace_knows_nothing_of_the_bot() -> None:
    folder = ROOT / "bot" / "playground"
    workspace = [path for path in sorted(folder.rglob("*.py")) if path.stem not in CONNECTING]
    assert len(workspace) > 10
    known = {
        f"{module_of(path)} imports {name}"
        for path in workspace
        for name in imported(path)
        if name.split(".")[0] in PACKAGES and not f"{name}.".startswith("bot.playground.")
    }
    assert known == set()
    connected = {
        f"{module_of(path)} imports {name}"
        for path in workspace
        for name in imported(path)
        for each in CONNECTING
        if f"{name}.".startswith(f"bot.playground.{each}.")
    }
    assert connected == set()


def test_nothing_of_the_bot_knows_the_local_workspace() -> None:
    own = [path for path in sources("bot") if "playground" not in path.parts and path.name != "__main__.py"]
    assert [module_of(path) for path in own if any("playground" in name for name in imported(path))] == []


IMPORT_EVERYTHING = """
import contextlib, importlib, json, os, sys, threading

class Acted(Exception):
    pass

acts = []

def watch(event, arguments):
    writes = event == "open" and (
        (isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"))
        or (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    )
    acting = event.startswith(("socket.connect", "socket.bind", "subprocess.", "os.system", "os.exec", "os.fork",
        "os.spawn", "os.posix_spawn", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "sqlite3.connect", "shutil."))
    if writes or acting:
        acts.append([event, repr(arguments)[:200]])
        raise Acted(event)

def settled():
    return (dict(os.environ), threading.active_count(), os.getcwd())

theirs, names = json.loads(sys.argv[1])
for name in theirs:  # urllib3 tries whether it may listen on ::1; what others do is not ours
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
before = settled()
sys.addaudithook(watch)
wrong = {}
for name in names:
    try:
        importlib.import_module(name)
    except BaseException as error:
        wrong[name] = repr(error)[:300]
print(json.dumps({"acts": acts, "wrong": wrong, "unsettled": settled() != before}))
"""


@pytest.mark.integration
def test_importing_any_module_does_nothing_but_define() -> None:
    """All modules in one fresh interpreter, which may neither write, connect, start a process nor change itself."""
    names = [module_of(path) for path in sources(*PACKAGES)]
    theirs = sorted(
        {
            name
            for path in sources(*PACKAGES)
            for name in imported(path)
            if name.split(".")[0] not in (*PACKAGES, "__future__")
        }
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_EVERYTHING, json.dumps([theirs, names])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said == {"acts": [], "wrong": {}, "unsettled": False}


def test_no_room_is_for_everything() -> None:
    names = {part for path in sources(*PACKAGES, "tests") for part in path.relative_to(ROOT).parts}
    stems = {name.removesuffix(".py") for name in names}
    assert not {name for name in stems if re.fullmatch(r"utils?|helpers?|managers?|common|misc", name)}


def test_a_module_is_no_longer_than_a_few_screens() -> None:
    long = {
        module_of(path): lines
        for path in sources(*PACKAGES)
        if (lines := len(path.read_text().splitlines())) > MODULE_LINES
    }
    assert long == {}


def test_a_function_fits_on_a_screen() -> None:
    long = {
        f"{module_of(path)}.{node.name}": lines
        for path in sources(*PACKAGES)
        for node in functions(path)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    }
    assert long == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        module_of(path)
        for path in sources(*PACKAGES)
        if path.read_text().strip() and ast.get_docstring(parsed(path)) is None
    ]
    assert [name for name in silent if not name.endswith("__main__")] == []


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=module_of)
def test_nothing_is_left_to_do_and_no_sentence_gives_up(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    strings = [
        node.value
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]
    giving_up = re.compile(r"unable to|failed to|something went wrong|could not be completed", re.IGNORECASE)
    assert [each for each in strings if giving_up.search(each)] == []


# The two paths, from end to end: who calls whom, by a name that stands in the caller's source.
REQUEST_PATH = (
    ("bot/server.py", "acks.answer"),
    ("bot/acks.py", "app.dispatch"),
    ("bot/listeners.py", "intake.take"),
    ("bot/intake.py", "handle("),
    ("commands/table.py", "labs.up"),
    ("commands/labs.py", "Outcome("),
    ("bot/intake.py", "_notifier.answer"),
    ("bot/notifier.py", "_slack.respond"),
)
RUN_PATH = (
    ("commands/starting.py", "runs.create"),
    ("bot/worker.py", "runs.claim"),
    ("bot/worker.py", "provision.plan"),
    ("commands/steps/provision.py", "terraform.start_plan"),
    ("commands/steps/endings.py", "runs.move"),
    ("bot/notifier.py", "cards.dirty"),
    ("bot/notifier.py", "_slack.edit"),
)


@pytest.mark.parametrize("path", [REQUEST_PATH, RUN_PATH], ids=["request", "run"])
def test_the_path_is_there(path: tuple[tuple[str, str], ...]) -> None:
    assert [hop for hop in path if hop[1] not in (ROOT / hop[0]).read_text()] == []


def test_a_listener_is_ten_lines_and_decides_nothing() -> None:
    listeners = [node for node in functions(ROOT / "bot" / "listeners.py") if node.name.startswith("take_")]
    assert len(listeners) >= 4
    for node in listeners:
        assert (node.end_lineno or 0) - node.lineno < 10, node.name
        assert not any(isinstance(inner, ast.If | ast.Match) for inner in ast.walk(node)), node.name
