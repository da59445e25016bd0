"""blueprint.yaml → Blueprint. Everything is checked, and what is wrong is told with its file and line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import yaml

from commands import grammar, words
from commands.blueprints import activity as blueprint_activity
from commands.blueprints import checks as blueprint_checks
from commands.blueprints import deploy as blueprint_deploy
from commands.blueprints import hours as blueprint_hours
from commands.blueprints import secure as blueprint_secure
from commands.blueprints import yaml_nodes
from commands.blueprints.records import (
    Approvals,
    Blueprint,
    BlueprintBroken,
    Check,
    Cost,
    Lifetime,
    RekeyMode,
    Secure,
    Variable,
    VariableType,
)
from commands.blueprints.yaml_nodes import Wrong
from commands.engines.vault.places import LAB_NAME

FILE_NAME = "blueprint.yaml"
KEYS = (
    *("name", "summary", "terraform", "variables", "cost", "lifetime", "approvals", "credentials"),
    *("second_factor", "rekey", "secure", "deploy", "integrate", "consumes", "test", "health"),
    *("activity", "office_hours"),
)
FILLED_BY_US = (
    *("lab", "owner", "trusted_ssh_keys"),
    *("ssh_ca_public_key", "krl_public_key", "innkeeper_url"),
    *("active_url", "active_token"),
)
TAKEN_BY_COMMANDS = ("ttl", "page", "check")

_VAULT_FIELD = re.compile(r"[\w.-]+(?:/[\w.-]+)+#[\w.-]+")
_ENVIRONMENT = re.compile(r"(?!TF_|LD_|PATH$|HOME$)[A-Z][A-Z0-9_]{1,99}")
_NAME = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_T = TypeVar("_T")


def read(folder: Path, root: Path, shown: str | None = None) -> Blueprint:
    """Read folder/blueprint.yaml of the catalogue at root. Raises BlueprintBroken with its first mistake.

    shown: how people call the folder, if not by its name below that of the root.
    """
    label = f"{shown or f'{root.name}/{folder.name}'}/{FILE_NAME}"
    with yaml_nodes.mistakes(partial(BlueprintBroken, label)):
        return _blueprint(yaml_nodes.document(folder / FILE_NAME), folder, root)


def _vault_field(node: yaml.Node, of: str) -> str:
    return yaml_nodes.text(node, of, 300, _VAULT_FIELD, "mount/path#field")


def _inside(node: yaml.Node, of: str, folder: Path, root: Path) -> Path:
    path = (folder / yaml_nodes.text(node, of)).resolve()
    if not path.is_relative_to(root.resolve()):
        raise Wrong(node, f"`{of}` leads out of the catalogue.")
    return path


def _blueprint(node: yaml.Node, folder: Path, root: Path) -> Blueprint:
    fields = yaml_nodes.mapping(node, "a blueprint", KEYS)

    def section(key: str, read_it: Callable[[yaml.Node], _T], otherwise: _T) -> _T:
        return read_it(fields[key]) if key in fields else otherwise

    for key in ("name", "summary"):
        if key not in fields:
            raise Wrong(node, f"A blueprint has a `{key}`, and this one has none.")
    name = yaml_nodes.text(fields["name"], "name", 40, _NAME, "with lower-case letters, digits and hyphens")
    if name != folder.name:
        raise Wrong(fields["name"], f"`name` is {words.code(name)}, but the folder is `{folder.name}`.")
    module = section("terraform", lambda found: _inside(found, "terraform", folder, root), folder.resolve())
    if not (any(module.glob("*.tf")) or any(module.glob("*.tf.json"))):
        raise Wrong(fields.get("terraform"), "`terraform` is a folder with *.tf files, and there are none.")
    lifetime = section("lifetime", _lifetime, Lifetime())
    if (said := fields.get("office_hours")) is not None:
        if lifetime.office_hours is not None:
            raise Wrong(said, "`office_hours` stands in `lifetime` too. Say it once.")
        lifetime = replace(lifetime, office_hours=blueprint_hours.read(said))
    approvals, destroy_approvals = (
        _approvals(fields["approvals"]) if "approvals" in fields else (Approvals(), None)
    )
    secure = section("secure", blueprint_secure.read, Secure())
    checks: tuple[Check, ...] = blueprint_checks.read(fields["test"], secure) if "test" in fields else ()

    nothing: tuple[tuple[str, ...], bool] = ((), False)
    publish, is_shared = section("integrate", _integrate, nothing)

    def path_of(found: yaml.Node) -> Path:
        return _inside(found, "playbook", folder, root)

    return Blueprint(
        name=name,
        summary=yaml_nodes.text(fields["summary"], "summary", 200),
        folder=folder.resolve(),
        module=module,
        variables=_with_consumed(section("variables", _variables, {}), fields.get("consumes")),
        cost=section("cost", _cost, Cost()),
        lifetime=lifetime,
        approvals=approvals,
        destroy_approvals=destroy_approvals,
        credentials=section("credentials", _credentials, {}),
        second_factor=section("second_factor", lambda found: yaml_nodes.flag(found, "second_factor"), False),
        rekey=section("rekey", _rekey, Blueprint.rekey),
        secure=secure,
        deploy=section(
            "deploy", lambda found: blueprint_deploy.read(found, path_of, secure.ssh is not None), None
        ),
        publish=publish,
        is_shared=is_shared,
        checks=checks,
        health_seconds=section("health", lambda found: blueprint_checks.health_seconds(found, checks), None),
        activity=section("activity", blueprint_activity.read, None),
    )


def _variables(node: yaml.Node) -> dict[str, Variable]:
    fields = _named_well(yaml_nodes.mapping(node, "variables"), node)
    return {name: _variable(name, body) for name, body in fields.items()}


def _named_well(fields: dict[str, yaml.Node], node: yaml.Node) -> dict[str, yaml.Node]:
    """The same, when each key can be the name of a variable."""
    for key, _ in node.value:
        reason = ""
        if not _IDENTIFIER.fullmatch(key.value):
            reason = "it has letters, digits, _ and -"
        elif key.value in FILLED_BY_US:
            reason = "Innkeeper fills it itself"
        elif key.value in TAKEN_BY_COMMANDS:
            reason = "commands use that word"
        if reason:
            raise Wrong(key, f"No variable here can be called {words.code(key.value)}: {reason}.")
    return fields


def _variable(name: str, node: yaml.Node) -> Variable:
    known = ("default", "choices", "help", "pattern", "sensitive", "vault", "type")
    fields = yaml_nodes.mapping(node, f"variable {name}", known)
    vault = _vault_field(fields["vault"], "vault") if "vault" in fields else None
    marked = "sensitive" in fields and yaml_nodes.flag(fields["sensitive"], "sensitive")
    if (vault or marked) and (secret := fields.get("default") or fields.get("choices")):
        raise Wrong(secret, f"`{name}` is secret, so its value is in Vault or asked for in a form, not here.")
    default = _value(fields["default"], f"{name}.default") if "default" in fields else None
    listed = yaml_nodes.items(fields["choices"], "choices") if "choices" in fields else []
    choices = tuple(yaml_nodes.scalar(item, "choices") for item in listed)
    kind = _type_of(default if default is not None else choices[0] if choices else "")
    if "type" in fields:
        said = yaml_nodes.text(fields["type"], "type")
        if said not in get_args(VariableType):
            raise Wrong(fields["type"], f"`type` is {words.listed(get_args(VariableType), 'or')}.")
        kind = cast(VariableType, said)
    for item, choice in zip(listed, choices, strict=True):
        if kind not in ("list", _type_of(choice)):
            raise Wrong(item, f"`{name}` is a {kind}, and {words.code(str(choice))} is not.")
        if kind == "list" and "," in str(choice):
            raise Wrong(item, f"`{name}` is a list, whose values a comma separates, so none has one in it.")
    pattern = _pattern(fields["pattern"]) if "pattern" in fields else None
    if default is not None:
        _check_default(fields["default"], name, default, kind, choices, pattern)
    told = yaml_nodes.text(fields["help"], "help") if "help" in fields else ""
    return Variable(name, kind, default, choices, told, pattern, vault is not None or marked, vault)


def _check_default(
    node: yaml.Node,
    name: str,
    default: Any,
    kind: VariableType,
    choices: tuple[Any, ...],
    pattern: str | None,
) -> None:
    if _type_of(default) != kind:
        raise Wrong(node, f"`{name}` is a {kind}, and {words.code(str(default))} is not.")
    for each in default if isinstance(default, list) else [default]:
        if choices and each not in choices:
            raise Wrong(node, f"The default of `{name}` is not among its choices.")
        if pattern and not re.fullmatch(pattern, str(each)):
            raise Wrong(node, f"The default of `{name}` does not match its pattern.")


def _value(node: yaml.Node, of: str) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [yaml_nodes.scalar(item, of) for item in node.value]
    return yaml_nodes.scalar(node, of)


def _type_of(value: Any) -> VariableType:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "list" if isinstance(value, list) else "string"


def _pattern(node: yaml.Node) -> str:
    text = yaml_nodes.text(node, "pattern")
    try:
        re.compile(text)
    except re.error as error:
        raise Wrong(node, f"`pattern` is not a regular expression: {error.msg}.") from error
    return text


def _cost(node: yaml.Node) -> Cost:
    fields = yaml_nodes.mapping(node, "cost", ("per_hour", "currency"))
    per_hour = yaml_nodes.scalar(fields["per_hour"], "per_hour") if "per_hour" in fields else 0
    if isinstance(per_hour, str | bool) or not 0 <= per_hour <= 100_000:
        raise Wrong(fields["per_hour"], "`per_hour` is a number from 0 to 100000, such as 0.02.")
    currency = "USD"
    if "currency" in fields:
        currency = yaml_nodes.text(fields["currency"], "currency", 3, re.compile("[A-Z]{3}"), "as in USD")
    return Cost(round(per_hour * 100, 6) if "per_hour" in fields else None, currency)


def _lifetime(node: yaml.Node) -> Lifetime:
    times = ("ttl", "max", "idle", "remind_every", "grace")
    fields = yaml_nodes.mapping(node, "lifetime", (*times, "auto_destroy", "office_hours"))
    given: dict[str, Any] = {
        f"{key}_seconds": yaml_nodes.seconds(fields[key], key) for key in times if key in fields
    }
    given.setdefault("max_seconds", max(given.get("ttl_seconds", 0), Lifetime.max_seconds))
    given.setdefault("ttl_seconds", min(given["max_seconds"], Lifetime.ttl_seconds))
    if given["ttl_seconds"] > given["max_seconds"]:
        raise Wrong(fields["ttl"], "`ttl` is longer than `max`.")
    if "auto_destroy" in fields:
        said = yaml_nodes.scalar(fields["auto_destroy"], "auto_destroy")
        if said != "polite" and not isinstance(said, bool):
            raise Wrong(fields["auto_destroy"], "`auto_destroy` is true, polite or false.")
        given["auto_destroy"] = said
    if "office_hours" in fields:
        given["office_hours"] = blueprint_hours.read(fields["office_hours"])
    return Lifetime(**given)


def _approvals(node: yaml.Node) -> tuple[Approvals, Approvals | None]:
    fields = yaml_nodes.mapping(node, "approvals", (*grammar.ROLES, "self", "destroy"))
    destroy = fields.pop("destroy", None)
    return _people(fields, node), None if destroy is None else _people(
        yaml_nodes.mapping(destroy, "destroy", (*grammar.ROLES, "self")), destroy
    )


def _people(fields: Mapping[str, yaml.Node], node: yaml.Node) -> Approvals:
    needed = {role: yaml_nodes.whole(value, role, 0, 20) for role, value in fields.items() if role != "self"}
    needed = {role: number for role, number in needed.items() if number}
    if not needed:
        raise Wrong(node, "Somebody has to approve: `{operator: 1, self: true}` is the least there is.")
    return Approvals(needed, "self" in fields and yaml_nodes.flag(fields["self"], "self"))


def _credentials(node: yaml.Node) -> dict[str, str]:
    fields = yaml_nodes.mapping(node, "credentials")
    for (key, _), name in zip(node.value, fields, strict=True):
        if not _ENVIRONMENT.fullmatch(name):
            raise Wrong(key, f"{words.code(name)} cannot be set for Terraform. Names look like CLOUD_TOKEN.")
    return {name: _vault_field(value, name) for name, value in fields.items()}


def _rekey(node: yaml.Node) -> RekeyMode:
    said = yaml_nodes.text(node, "rekey")
    if said not in get_args(RekeyMode):
        raise Wrong(node, f"`rekey` is {words.listed(get_args(RekeyMode), 'or')}.")
    return cast(RekeyMode, said)


def _integrate(node: yaml.Node) -> tuple[tuple[str, ...], bool]:
    fields = yaml_nodes.mapping(node, "integrate", ("publish", "shared"))
    items = yaml_nodes.items(fields["publish"], "publish") if "publish" in fields else []
    names = [yaml_nodes.text(item, "publish", 64, _IDENTIFIER, "as an output's name") for item in items]
    for item, name in zip(items, names, strict=True):
        if name.startswith("vault_"):
            raise Wrong(
                item, f"{words.code(name)} cannot be published: what begins so tells where in Vault more is."
            )
    return tuple(names), "shared" in fields and yaml_nodes.flag(fields["shared"], "shared")


def _with_consumed(variables: dict[str, Variable], node: yaml.Node | None) -> dict[str, Variable]:
    """The variables, with one more for each other lab that is used."""
    if node is None:
        return variables
    consumed = _named_well(yaml_nodes.mapping(node, "consumes"), node)
    found = dict(variables)
    for name, value in consumed.items():
        if name in variables:
            raise Wrong(value, f"{words.code(name)} stands in `variables` too. Say it once.")
        of = yaml_nodes.text(value, name, 40, _NAME, "as a blueprint's name")
        told = f"The name of a lab of `{of}`, which this one uses"
        found[name] = Variable(name, help=told, pattern=LAB_NAME.pattern, consumes=of)
    return found


def consumes_line(folder: Path, variable: str) -> int:
    """The line of a blueprint.yaml that was read, at which that lab is consumed."""
    fields = yaml_nodes.mapping(yaml_nodes.document(folder / FILE_NAME), "a blueprint")
    return Wrong(yaml_nodes.mapping(fields["consumes"], "consumes")[variable], "").line
