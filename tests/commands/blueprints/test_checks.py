"""The `test` and `health` of a blueprint: what they become, and where a mistake is."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.blueprints import file as blueprint_file
from commands.blueprints.records import Blueprint, BlueprintBroken, Check

HEAD = "name: web\nsummary: Web\nsecure: {ssh: {user: root}, database: {role: readonly}}\n"


def a_blueprint(folder: Path, text: str) -> Blueprint:
    folder = folder / "labs" / "web"
    folder.mkdir(parents=True)
    (folder / "main.tf").touch()
    (folder / "blueprint.yaml").write_text(text)
    return blueprint_file.read(folder, folder.parent)


def test_every_kind_is_read(tmp_path: Path) -> None:
    web = a_blueprint(
        tmp_path,
        HEAD
        + """
test:
  - {tcp: "${address}:22", within: 2m}
  - {http: "${urls}", status: 204, body: ok, matches: "v[0-9]+", header: {Content-Type: json}, follow: true, name: w}
  - {tls: "[::1]:443", name: "${lab}.lab.test", days: 14}
  - {ssh: "ssh://root@10.0.0.1:22", run: "systemctl is-active 'my app'", exit: 3}
  - {postgres: "postgresql://db:5432/app", query: "select 1", equals: "1"}
  - {command: [./smoke.sh, "${address}"]}
  - {command: "./smoke.sh --fast", exit: 2}
  - {terraform: all}
health: 10m
""",
    )
    assert web.health_seconds == 600
    assert web.steps[-1] == "test"
    assert web.checks == (
        Check("tcp", "${address}:22", within_seconds=120),
        Check(
            "http",
            "${urls}",
            204,
            body="ok",
            matches="v[0-9]+",
            headers=(("Content-Type", "json"),),
            follows=True,
            name="w",
        ),
        Check("tls", "[::1]:443", name="${lab}.lab.test", days=14),
        Check("ssh", "ssh://root@10.0.0.1:22", words=("systemctl", "is-active", "my app"), exit_code=3),
        Check("postgres", "postgresql://db:5432/app", query="select 1", equals="1"),
        Check("command", "./smoke.sh ${address}", words=("./smoke.sh", "${address}")),
        Check("command", "./smoke.sh --fast", words=("./smoke.sh", "--fast"), exit_code=2),
        Check("terraform", "all"),
    )


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        ("{tcp: somewhere}", "`tcp` is written host:port, such as 10.0.0.1:443. This is `somewhere`."),
        ("{tcp: 'a:99999'}", "`tcp` is written host:port"),
        ("{http: 'ftp://a/'}", "`http` is an address, such as http://10.0.0.1:8080/healthz."),
        ("{http: 'http://me:word@a/'}", "`http` is an address"),
        ("{tls: a}", "`tls` is written host:port"),
        ("{ssh: 'a b'}", "`ssh` is written user@host:port"),
        ("{postgres: 'postgresql://me:word@a/b', query: x}", "`postgres` is an address without a user"),
        ("{postgres: 'postgresql://a/b'}", "`postgres` has a `query`, and this one has none."),
        ("{postgres: 'postgresql://a/b', query: 'select ${x}'}", "`query` is taken as it is"),
        ("{command: '\"'}", "`command` cannot be split into words"),
        ("{command: []}", "`command` is a program and its words"),
        ("{terraform: 'a b'}", "`terraform` is the name of a `check` block"),
        ("{tcp: 'a:1', status: 200}", "`status` goes with http alone."),
        ("{tcp: 'a:1', exit: 0}", "`exit` goes with ssh or command alone."),
        ("{ssh: a, exit: 0}", "`exit` goes with `run`, and there is none."),
        ("{http: 'http://a/', matches: '('}", "`matches` is not a regular expression"),
        ("{http: 'http://a/', header: {'a b': c}}", "`a b` is no name of a header"),
        ("{tcp: 'a:1', within: 11m}", "`within` is 10m at most."),
        (
            "{terraform: all, within: 1m}",
            "`within` goes with tcp, http, tls, ssh, postgres or command alone.",
        ),
        ("{htp: 'http://a/'}", "`htp` is not a key of a check. Did you mean `http`?"),
    ],
)
def test_a_mistake_in_a_check_is_told_with_its_line(tmp_path: Path, check: str, sentence: str) -> None:
    with pytest.raises(BlueprintBroken) as broken:
        a_blueprint(tmp_path, f"{HEAD}test:\n  - {{tcp: 'a:1'}}\n  - {check}\n")
    assert broken.value.line == 6
    assert sentence in broken.value.sentence


@pytest.mark.parametrize(
    ("check", "section"), [("{ssh: a}", "ssh"), ("{postgres: 'postgresql://a/b', query: x}", "database")]
)
def test_a_check_that_logs_in_needs_what_vault_issues_for_it(
    tmp_path: Path, check: str, section: str
) -> None:
    with pytest.raises(BlueprintBroken, match=f"so `secure` needs `{section}`"):
        a_blueprint(tmp_path, f"name: web\nsummary: Web\ntest: [{check}]\n")


@pytest.mark.parametrize(
    ("rest", "sentence"),
    [
        ("health: 1s\ntest: [{tcp: 'a:1'}]", "`health` is 2s at least."),
        ("health: 10m", "`health` repeats the checks of `test`, and there are none that could be repeated."),
        ("health: 10m\ntest: [{terraform: all}]", "there are none that could be repeated."),
        ("test:" + "\n  - {tcp: 'a:1'}" * 51, "`test` has 50 checks at most."),
    ],
)
def test_health_and_test_have_their_bounds(tmp_path: Path, rest: str, sentence: str) -> None:
    with pytest.raises(BlueprintBroken) as broken:
        a_blueprint(tmp_path, f"name: web\nsummary: Web\n{rest}\n")
    assert sentence in broken.value.sentence
