from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.blueprint import (
    Blueprint,
    BlueprintBroken,
    Variable,
    approvals_needed,
    check_secrets,
    check_values,
    written,
    wrong_value,
)
from commands.blueprints import file as blueprint_file
from commands.blueprints.catalogue import Catalogue
from commands.blueprints.records import Check, Deploy, Ssh, checked_ttl
from commands.request import Refused
from tests.commands.refusals import refused

FULL = """\
name: web
summary: Web servers behind a firewall
terraform: .
variables:
  size: {default: small, choices: [small, large], help: How much machine}
  count: {default: 2, choices: [1, 2, 4]}
  public: {default: false}
  ports: {default: [80, 443]}
  tags: {type: list, default: []}
  ratio: {type: number, default: 0.5}
  title: {help: What it is called, pattern: "[A-Z].*"}
  password: {sensitive: true, pattern: ".{8,}", help: At least eight}
  token: {vault: "innkeeper/providers/x#token"}
cost: {per_hour: 0.02, currency: EUR}
lifetime: {ttl: 8h, max: 3d, idle: 4h, remind_every: 1h, grace: 30m, auto_destroy: polite}
approvals: {infra: 1, security: 2, destroy: {operator: 1, self: true}}
credentials: {DIGITALOCEAN_TOKEN: "innkeeper/providers/digitalocean#token"}
secure: {ssh: {user: root, ttl: 30m}, tls: {domain: lab.test}, database: {role: readonly}}
deploy: {playbook: site.yml}
integrate: {publish: [address, port]}
test:
  - {http: "http://${address}:${port}/healthz", status: 200, within: 10s}
  - {tcp: "${address}:22"}
"""
SMALL = "name: web\nsummary: Web servers\n"
SSH = SMALL + "secure: {ssh: {}}\n"


def write(root: Path, text: str | bytes, name: str = "web") -> Path:
    folder = root / "labs" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.tf").write_text('variable "size" {}\n')
    (folder / "site.yml").write_text("[]\n")
    path = folder / "blueprint.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def a_blueprint(root: Path, text: str = FULL) -> Blueprint:
    return blueprint_file.read(write(root, text).parent, root / "labs")


def broken(root: Path, text: str | bytes) -> BlueprintBroken:
    folder = write(root, text).parent
    with pytest.raises(BlueprintBroken) as caught:
        blueprint_file.read(folder, root / "labs")
    return caught.value


def test_every_key_of_the_contract_is_read(tmp_path: Path) -> None:
    web = a_blueprint(tmp_path)
    assert (web.name, web.summary) == ("web", "Web servers behind a firewall")
    assert web.module == web.folder == (tmp_path / "labs" / "web").resolve()
    assert web.variables["size"].choices == ("small", "large")
    assert [variable.type for variable in web.variables.values()] == [
        *("string", "number", "boolean", "list", "list", "number", "string", "string", "string")
    ]
    assert (web.cost.per_hour_cents, web.cost.currency) == (2.0, "EUR")
    assert (web.lifetime.ttl_seconds, web.lifetime.max_seconds) == (28_800, 259_200)
    assert (web.lifetime.idle_seconds, web.lifetime.remind_every_seconds) == (14_400, 3600)
    assert (web.lifetime.grace_seconds, web.lifetime.auto_destroy) == (1800, "polite")
    assert web.credentials == {"DIGITALOCEAN_TOKEN": "innkeeper/providers/digitalocean#token"}
    assert web.secure.ssh == Ssh("root", 1800)
    assert (web.secure.tls_domain, web.secure.database_role) == ("lab.test", "readonly")
    assert (web.secure.tls_ttl_seconds, web.secure.database_ttl_seconds) == (3 * 86_400, 3600)
    assert (web.second_factor, web.rekey) == (False, "removals")
    assert web.deploy == Deploy(web.folder / "site.yml")
    assert web.publish == ("address", "port")
    assert web.checks == (
        Check("http", "http://${address}:${port}/healthz", 200, 10),
        Check("tcp", "${address}:22", None, 30),
    )


def test_a_small_blueprint_gets_careful_defaults(tmp_path: Path) -> None:
    web = a_blueprint(tmp_path, SMALL)
    assert web.lifetime.auto_destroy is True
    assert approvals_needed(web, "apply") == ({"infra": 1, "security": 1}, False)
    assert approvals_needed(web, "destroy") == approvals_needed(web, "apply")
    assert web.example() == "/lab up web demo"


def test_destroying_may_ask_for_other_people(tmp_path: Path) -> None:
    web = a_blueprint(tmp_path)
    assert approvals_needed(web, "apply") == ({"infra": 1, "security": 2}, False)
    assert approvals_needed(web, "destroy") == ({"operator": 1}, True)


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        (SMALL + "lifetme: {}\n", 3, "`lifetme` is not a key of a blueprint. Did you mean `lifetime`?"),
        (SMALL + "lifetime:\n  tll: 8h\n", 4, "`tll` is not a key of lifetime. Did you mean `ttl`?"),
        (SMALL + "healthy: {}\n", 3, "`healthy` is not a key of a blueprint."),
        (SMALL + "summary: again\n", 3, "`summary` stands twice in a blueprint."),
        (SMALL + "variables:\n  a: {}\n  a: {}\n", 5, "`a` stands twice in variables."),
        (SMALL + "cost: [1\n", 4, "This is not YAML: "),
        (SMALL + "cost: {per_hour: much}\n", 3, "`per_hour` is a number from 0 to 100000, such as 0.02."),
        (SMALL + "cost: {per_hour: .nan}\n", 3, "`per_hour` is a text, a number, true or false."),
        (SMALL + "cost: {currency: euro}\n", 3, "`currency` is one line of 1 to 3 characters."),
        (SMALL + "lifetime: {ttl: 9d, max: 3d}\n", 3, "`ttl` is longer than `max`."),
        (SMALL + "lifetime: {ttl: forever}\n", 3, "`ttl`: `forever` is not a duration."),
        (SMALL + "lifetime: {auto_destroy: maybe}\n", 3, "`auto_destroy` is true, polite or false."),
        (SMALL + "approvals: {boss: 1}\n", 3, "`boss` is not a key of approvals."),
        (SMALL + "approvals: {infra: 0}\n", 3, "Somebody has to approve: "),
        (SMALL + "approvals: {infra: true}\n", 3, "`infra` is a whole number from 0 to 20."),
        (SMALL + "approvals:\n  infra: 1\n  destroy: {}\n", 5, "Somebody has to approve: "),
        (SMALL + "credentials: {LD_PRELOAD: a/b#c}\n", 3, "`LD_PRELOAD` cannot be set for Terraform."),
        (SMALL + "credentials: {TF_LOG: a/b#c}\n", 3, "`TF_LOG` cannot be set for Terraform."),
        (SMALL + "credentials: {TOKEN: abc}\n", 3, "`TOKEN` is written mount/path#field, not `abc`."),
        (SMALL + "variables:\n  lab: {}\n", 4, "No variable here can be called `lab`: Innkeeper fills it"),
        (
            SMALL + "variables:\n  ttl: {}\n",
            4,
            "No variable here can be called `ttl`: commands use that word",
        ),
        (
            SMALL + "variables:\n  a: {default: x, choices: [y]}\n",
            4,
            "The default of `a` is not among its choices.",
        ),
        (
            SMALL + "variables:\n  a: {default: x, pattern: y}\n",
            4,
            "The default of `a` does not match its pattern.",
        ),
        (SMALL + "variables:\n  a: {pattern: '('}\n", 4, "`pattern` is not a regular expression"),
        (SMALL + "variables:\n  a: {type: text}\n", 4, "`type` is string, number, boolean or list."),
        (SMALL + "variables:\n  a: {type: number, default: x}\n", 4, "`a` is a number, and `x` is not."),
        (
            SMALL + "variables:\n  a: {type: list, choices: ['b,c']}\n",
            4,
            "`a` is a list, whose values a comma separates, so none has one in it.",
        ),
        (SMALL + "variables:\n  a: {choices: [1, b]}\n", 4, "`a` is a number, and `b` is not."),
        (
            SMALL + "variables:\n  a: {sensitive: true, default: hunter2}\n",
            4,
            "`a` is secret, so its value is in Vault",
        ),
        (
            SMALL + "variables:\n  a: {default: {b: c}}\n",
            4,
            "`a.default` is a text, a number, true or false.",
        ),
        (SMALL + "terraform: ../../other\n", 3, "`terraform` leads out of the catalogue."),
        (SMALL + "terraform: /etc\n", 3, "`terraform` leads out of the catalogue."),
        (SMALL + "terraform: nowhere\n", 3, "`terraform` is a folder with *.tf files, and there are none."),
        (SSH + "deploy: {playbook: none.yml}\n", 4, "There is no file `none.yml` here."),
        (SMALL + "secure: {tls: {}}\n", 3, "`tls` has a `domain`, and this one has none."),
        (SMALL + "secure: {database: {ttl: 1h}}\n", 3, "`database` has a `role`, and this one has none."),
        (
            SMALL + "secure:\n  database:\n    role: readonly\n    root: admin\n",
            6,
            "`connection` and `root` go together: where it is, and who may do all there.",
        ),
        (
            SMALL + "secure:\n  database:\n    role: owner\n    root: admin\n    connection: place\n",
            5,
            "The `role` of a lab's own data store is `readonly` or `readwrite`.",
        ),
        (SMALL + "secure: {tls: {domain: x.test, ttl: soon}}\n", 3, "`ttl`: `soon` is not a duration."),
        (SMALL + "second_factor: sometimes\n", 3, "`second_factor` is true or false."),
        (SMALL + "rekey: always\n", 3, "`rekey` is auto, removals or ask."),
        (SMALL + "test:\n  - {tcp: a, http: b}\n", 4, "A check has one of tcp, http, tls, ssh, postgres,"),
        (SMALL + "test: {tcp: a}\n", 3, "`test` is a list"),
        (SMALL + "? [a]\n: b\n", 3, "` ` is not a key of a blueprint."),
        ("name: web\n", 1, "A blueprint has a `summary`, and this one has none."),
        ("name: other\nsummary: x\n", 1, "`name` is `other`, but the folder is `web`."),
        ("name: web\nsummary: |\n  two\n  lines\n", 2, "`summary` is one line of 1 to 200 characters."),
        ("name: web\nsummary: 'left\u202eright'\n", 2, "`summary` is one line of 1 to 200 characters."),
        (
            "name: web\nsummary: !!python/object:os.system x\n",
            2,
            "`summary` is a text, a number, true or false.",
        ),
        ("- name\n", 1, "`a blueprint` has keys and values below it"),
        ("", 1, "The file is empty."),
        ("a: 1\n---\nb: 2\n", 2, "This is not YAML: "),
        (b"name: \xff\n", 1, "This is not YAML in UTF-8 without control characters."),
        ("name: a\x00b\n", 1, "This is not YAML in UTF-8 without control characters."),
        ("a: &a [x]\nb: *a\n", 2, "Nothing in a blueprint is an alias (*name). Write it out."),
        ("a: " + "[" * 2000 + "]" * 2000, 1, "Nothing in a blueprint is nested this deep."),
        ("#" * 70_000, 1, "The file is larger than 64 KB."),
        (SMALL + "cost: {per_hour: " + "9" * 5000 + "}\n", 3, "`per_hour` is"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(
    tmp_path: Path, text: str | bytes, line: int, sentence: str
) -> None:
    told = broken(tmp_path, text)
    assert (told.file, told.line) == ("labs/web/blueprint.yaml", line)
    assert told.sentence.startswith(sentence)
    assert str(told) == f"labs/web/blueprint.yaml:{line}: {told.sentence}"
    assert "hunter2" not in told.sentence


@given(
    st.recursive(
        st.text(max_size=9) | st.integers() | st.booleans() | st.none(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*blueprint_file.KEYS, "ttl", "ssh", "x"]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_document_is_a_blueprint_or_broken(
    tmp_path_factory: pytest.TempPathFactory, document: Any
) -> None:
    root = tmp_path_factory.mktemp("any")
    if isinstance(document, dict):
        document = {"name": "web", "summary": "Web", **document}
    folder = write(
        root, repr(document).replace("None", "null").replace("True", "true").replace("False", "false")
    ).parent
    try:
        found: Blueprint | BlueprintBroken = blueprint_file.read(folder, root / "labs")
    except BlueprintBroken as told:
        found = told
    if isinstance(found, BlueprintBroken):
        assert found.line >= 1
        assert found.sentence.endswith((".", "?"))
    else:
        assert found.name == "web"


def test_a_sentence_names_a_few_of_many_choices(tmp_path: Path) -> None:
    choices = ", ".join(f"c{number}" for number in range(140))
    many = a_blueprint(tmp_path, SMALL + f"variables:\n  a: {{choices: [{choices}]}}\n")
    assert wrong_value(many, many.variables["a"], "nonsense") == (
        "`a` is `c0`, `c1`, `c2`, `c3`, `c4`, `c5`, `c6`, `c7`, `c8`, `c9`, `c10`, `c11` or one of 128 more, "
        "not `nonsense`."
    )


def test_a_module_beside_the_blueprint_is_inside_the_catalogue(tmp_path: Path) -> None:
    module = tmp_path / "labs" / "modules"
    module.mkdir(parents=True)
    (module / "main.tf").write_text("")
    assert a_blueprint(tmp_path, SMALL + "terraform: ../modules\n").module == module.resolve()


def test_a_link_out_of_the_catalogue_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "main.tf").write_text("")
    write(tmp_path, SMALL)
    os.symlink(outside, tmp_path / "labs" / "web" / "module")
    assert (
        broken(tmp_path, SMALL + "terraform: module\n").sentence == "`terraform` leads out of the catalogue."
    )


def test_the_catalogue_that_ships_is_whole() -> None:
    labs = Catalogue(Path(__file__).parents[2] / "labs")
    assert labs.broken() == []
    assert {"sandbox", "digitalocean-droplet", "aws-ec2"} <= set(labs.blueprints())
    for each in labs.blueprints().values():
        sources = "".join(path.read_text() for path in each.module.glob("*.tf"))
        declared = set(re.findall(r'^variable "(.+)"', sources, re.MULTILINE))
        assert "lab" in declared
        assert set(each.variables) <= declared
        assert set(each.publish) <= set(re.findall(r'^output "(.+)"', sources, re.MULTILINE))


def test_values_are_converted_by_their_default(tmp_path: Path) -> None:
    web = a_blueprint(tmp_path)
    typed = {
        "title": "Hello",
        "count": "4",
        "public": "yes",
        "ports": "22, 8080",
        "tags": "a,b",
        "ratio": "1.5",
    }
    assert check_values(web, typed) == {
        "size": "small",
        "count": 4,
        "public": True,
        "ports": [22, 8080],
        "tags": ["a", "b"],
        "ratio": 1.5,
        "title": "Hello",
    }


def test_what_was_checked_can_be_written_and_checked_again(tmp_path: Path) -> None:
    web = a_blueprint(tmp_path)
    values = check_values(web, {"title": "Hello", "public": "on", "ports": "1,2"})
    assert check_values(web, {name: written(value) for name, value in values.items()}) == values


def test_a_value_is_never_interpreted(tmp_path: Path) -> None:
    hostile = 'A ${file("/etc/passwd")} %{ if true } `id` $(id) \\u0041'
    assert check_values(a_blueprint(tmp_path), {"title": hostile})["title"] == hostile


@pytest.mark.parametrize(
    ("given", "sentence", "example"),
    [
        ({}, "`web` also needs `title` (What it is called).", "/lab up web demo title=…"),
        (
            {"title": "A", "sise": "x"},
            "`web` has no variable `sise`. Did you mean `size`?",
            "/lab up web demo size=small title=…",
        ),
        (
            {"title": "A", "size": "larg"},
            "`size` is `small` or `large`, not `larg`. Did you mean `large`?",
            "/lab up web demo size=large",
        ),
        ({"title": "A", "count": "3"}, "`count` is `1`, `2` or `4`, not `3`.", "/lab up web demo count=1"),
        (
            {"title": "A", "count": "1e9"},
            "`count` is a number, and `1e9` is not.",
            "/lab up web demo count=1",
        ),
        (
            {"title": "A", "public": "maybe"},
            "`public` is true or false, and `maybe` is not.",
            "/lab up web demo public=true",
        ),
        (
            {"title": "A", "ports": "80,x"},
            "`ports` is a list of numbers, and `80,x` is not.",
            "/lab up web demo ports=one,two",
        ),
        (
            {"title": "lower"},
            "`lower` does not fit `title`. It is `[A-Z].*`: What it is called.",
            "/lab up web demo title=…",
        ),
    ],
)
def test_a_wrong_value_gets_the_nearest_right_one(
    tmp_path: Path, given: dict[str, str], sentence: str, example: str
) -> None:
    told = refused(check_values, a_blueprint(tmp_path), given)
    assert (told.sentence, told.example) == (sentence, example)


@pytest.mark.parametrize(
    ("name", "source"), [("password", "a form asks for it"), ("token", "it comes from Vault")]
)
def test_a_secret_is_not_taken_from_a_command(tmp_path: Path, name: str, source: str) -> None:
    told = refused(check_values, a_blueprint(tmp_path), {"title": "A", name: "hunter2"})
    assert source in told.sentence
    assert "hunter2" not in told.sentence + told.example


def test_a_form_brings_the_secrets(tmp_path: Path) -> None:
    web = a_blueprint(tmp_path)
    assert check_secrets(web, {"password": "long enough", "other": "x"}) == {"password": "long enough"}
    assert refused(check_secrets, web, {}).sentence == "`password` is empty. At least eight"
    told = refused(check_secrets, web, {"password": "hunter2"})
    assert told.sentence == "That does not fit `password`. It is `.{8,}`: At least eight."
    assert "hunter2" not in told.sentence + told.example


def test_a_secret_of_another_type_is_told_without_its_value(tmp_path: Path) -> None:
    pin = Variable("pin", "number", sensitive=True)
    assert wrong_value(a_blueprint(tmp_path), pin, "hunter2") == "`pin` is a number, and that is not."


def test_a_lifetime_over_the_maximum_is_refused(tmp_path: Path) -> None:
    lifetime = a_blueprint(tmp_path).lifetime
    assert checked_ttl(lifetime, None) == 28_800
    assert checked_ttl(lifetime, 259_200) == 259_200
    told = refused(checked_ttl, lifetime, 259_201)
    assert told.sentence == "3 days is too long: a lab of this kind lives 3 days at most."
    assert told.example == "ttl=3d"


@given(
    st.dictionaries(
        st.sampled_from(["title", "size", "count", "ports", "public", "nothing", "token"]),
        st.text(max_size=40),
    )
)
def test_any_values_are_checked_or_refused(
    tmp_path_factory: pytest.TempPathFactory, given: dict[str, str]
) -> None:
    web = a_blueprint(tmp_path_factory.getbasetemp() / "values")
    try:
        found: dict[str, Any] | Refused = check_values(web, given)
    except Refused as told:
        found = told
    if isinstance(found, Refused):
        assert found.example.startswith("/lab up web demo")
    else:
        assert set(found) == {name for name, variable in web.variables.items() if not variable.sensitive}
