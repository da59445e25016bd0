"""What a blueprint says, as frozen records: one for each section of blueprint.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from commands import words
from commands.request import Refused
from state.records import Lifetime as Lifetime
from state.records import StepName

VariableType = Literal["string", "number", "boolean", "list"]
CheckKind = Literal["tcp", "http", "tls", "ssh", "postgres", "command", "terraform"]
# Whether new root keys are applied without anybody's approval, where a plan touches nothing else: always, when somebody
# was seen out, never.
RekeyMode = Literal["auto", "removals", "ask"]


class BlueprintBroken(Exception):
    """A blueprint that cannot be used: which file, which line (from 1), and why, in a sentence.

    folder: what people would call the blueprint.
    """

    def __init__(self, file: str, line: int, sentence: str, folder: str | None = None) -> None:
        super().__init__(f"{file}:{line}: {sentence}")
        self.file = file
        self.line = line
        self.sentence = sentence
        self.folder = Path(file).parent.name if folder is None else folder


@dataclass(frozen=True)
class Variable:
    """What may be said with VAR=VALUE. Without a default it is required; sensitive ones are never typed."""

    name: str
    type: VariableType = "string"
    default: Any = None
    choices: tuple[Any, ...] = ()
    help: str = ""
    pattern: str | None = None  # the whole value must match
    sensitive: bool = False
    vault: str | None = None  # "mount/path#field", read for each run
    consumes: str | None = None  # it names a living lab of that blueprint, and becomes what that publishes

    @property
    def required(self) -> bool:
        return self.default is None

    @property
    def from_form(self) -> bool:
        """Whether people are asked for it in a form: it is secret, and Vault does not have it."""
        return self.sensitive and self.vault is None


@dataclass(frozen=True)
class Cost:
    """What a lab costs while it lives, in hundredths of the currency."""

    per_hour_cents: float | None = None  # None: what its plan has, by the price table
    currency: str = "USD"


def checked_ttl(lifetime: Lifetime, ttl_seconds: int | None, command: str = "") -> int:
    """How long a lab shall live: what was asked for, or ttl. Raises Refused above max."""
    if ttl_seconds is not None and ttl_seconds > lifetime.max_seconds:
        raise Refused(
            f"{words.duration(ttl_seconds)} is too long: "
            f"a lab of this kind lives {words.duration(lifetime.max_seconds)} at most.",
            f"{command} ttl={words.short(lifetime.max_seconds)}".strip(),
        )
    return lifetime.ttl_seconds if ttl_seconds is None else ttl_seconds


@dataclass(frozen=True)
class Approvals:
    """How many people of each role must approve, and whether the requester may be one of them."""

    needed: Mapping[str, int] = field(default_factory=lambda: {"infra": 1, "security": 1})
    self_approval: bool = False


@dataclass(frozen=True)
class Ssh:
    """Who one logs in as, and how long a certificate lives."""

    user: str = "root"
    ttl_seconds: int = 30 * 60


@dataclass(frozen=True)
class DataStore:
    """A lab's own PostgreSQL, by the names of two outputs: {host, port, name} and, sensitive, {username, password}."""

    connection: str
    root: str


@dataclass(frozen=True)
class Secure:
    """Which credentials Vault issues for a lab of this blueprint."""

    ssh: Ssh | None = None
    tls_domain: str | None = None  # the labs' names are below it: LAB.DOMAIN
    tls_ttl_seconds: int = 3 * 86_400
    database_role: str | None = None
    database_ttl_seconds: int = 3600
    application_role: str | None = None  # of a database user for what is deployed
    data_store: DataStore | None = None  # put under Vault, where the roles are made; None: they are there


@dataclass(frozen=True)
class FromVault:
    """A value that is read from Vault when it is needed: "mount/path#field", with ${lab} in it."""

    reference: str


@dataclass(frozen=True)
class Deploy:
    """What runs on a lab: an Ansible playbook, on hosts that outputs name, with literal values."""

    playbook: Path
    hosts: str = "ssh"  # an output: ssh:// addresses, or addresses, a list of them, or name → address
    groups: Mapping[str, str] = field(default_factory=dict)  # group → output
    variables: Mapping[str, Any] = field(default_factory=dict)  # texts have ${output} in them; FromVault
    known_hosts: str | None = None  # an output with lines of it. None: that of this name, if there is one
    within_seconds: int = 120  # for the hosts to let us in
    limit_seconds: int = 15 * 60  # for the playbook


@dataclass(frozen=True)
class Check:
    """One look at the lab from outside. Its texts, but for matches and query, may have ${output} in them.

    target: an address (http, postgres), host:port (tcp, tls), user@host:port (ssh), the name of a check block or `all`
    (terraform), a program with its words in one line (command). One that names an output that is a list is a check
    for each of it.
    """

    kind: CheckKind
    target: str
    status: int | None = None  # of http; None: any of success
    within_seconds: int = 30
    words: tuple[str, ...] = ()  # of command: a program and its words; of ssh: the same, on the host
    body: str | None = None  # what an http answer has in it
    matches: str | None = None  # a regular expression that is found in an http answer
    headers: tuple[tuple[str, str], ...] = ()  # name, and what its value has in it
    follows: bool = False  # redirects
    name: str | None = None  # whom http and tls ask for, instead of the target's host
    days: int = 0  # how long a certificate must still be good
    exit_code: int = 0
    query: str = ""
    equals: str | None = None  # a query's first value, as text


@dataclass(frozen=True)
class Activity:
    """How a lab is asked whether it is used: an address, or a program and its words, with ${output} in them."""

    http: str | None = None
    command: tuple[str, ...] = ()
    within_seconds: int = 5


@dataclass(frozen=True)
class Blueprint:
    """A kind of lab: a folder with blueprint.yaml and a Terraform module."""

    name: str
    summary: str
    folder: Path
    module: Path  # the Terraform module's folder, inside the catalogue
    variables: Mapping[str, Variable] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    lifetime: Lifetime = field(default_factory=Lifetime)
    approvals: Approvals = field(default_factory=Approvals)
    destroy_approvals: Approvals | None = None  # None: the same as approvals
    credentials: Mapping[str, str] = field(default_factory=dict)  # environment variable → "mount/path#field"
    second_factor: bool = False  # whoever approves shows a code
    rekey: RekeyMode = "removals"
    secure: Secure = field(default_factory=Secure)
    deploy: Deploy | None = None
    publish: tuple[str, ...] = ()  # outputs that consumers find in Vault
    is_shared: bool = False  # every operator's labs may use one of these, and not its owner's alone
    checks: tuple[Check, ...] = ()
    health_seconds: int | None = None  # how often the checks are repeated while a lab lives; None: never
    activity: Activity | None = None

    @property
    def consumes(self) -> dict[str, str]:
        """Variable → the blueprint of the lab that it names."""
        return {name: each.consumes for name, each in self.variables.items() if each.consumes is not None}

    @property
    def steps(self) -> tuple[StepName, ...]:
        """The steps that a lab of this kind goes through, in their order."""
        asked: dict[StepName, bool] = {
            "provision": True,
            "secure": self.secure != Secure(),
            "deploy": self.deploy is not None,
            "integrate": bool(self.publish),
            "test": bool(self.checks),
        }
        return tuple(name for name, is_asked in asked.items() if is_asked)

    def example(self, lab: str = "demo", say: str | None = None) -> str:
        """A whole command that asks for such a lab: `/lab up web demo size=large`. say: a variable to show, too."""
        said = [
            f"{name}={variable.choices[0] if variable.choices else '…'}"
            for name, variable in self.variables.items()
            if (variable.required or name == say) and not variable.sensitive
        ]
        return " ".join(["/lab up", self.name, lab, *said])
