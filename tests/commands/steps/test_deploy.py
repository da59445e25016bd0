from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

from commands.blueprints.records import Blueprint, Deploy, FromVault, Secure, Ssh, Variable
from commands.engines.openssh import Login
from commands.engines.vault.protocol import VaultMissing
from commands.steps import deploy, hosts
from commands.steps.step import Done, StepFailed, StepInterrupted, Work
from tests.fakes.ansible import FakeAnsible, FakeTask
from tests.inn import Inn

SSH = ["ssh://root@127.0.0.1:21004", "ssh://root@127.0.0.1:21005"]
KEYS = ["[127.0.0.1]:21004 ssh-ed25519 AAAA", "[127.0.0.1]:21005 ssh-ed25519 BBBB"]
OUTPUTS: dict[str, Any] = {"ssh": SSH, "known_hosts": KEYS}


class Site:
    """A lab with a playbook on two hosts, and what the step is given."""

    def __init__(self, inn: Inn) -> None:
        inn.has("demo", "open")
        self.inn = inn
        self.ansible = FakeAnsible(FakeTask("install nginx", changes=True), FakeTask("start it"))
        self.outputs = dict(OUTPUTS)
        self.blueprint = replace(
            inn.deps.catalogue.get("open"),
            deploy=Deploy(Path("/labs/web/site.yml")),
            secure=Secure(ssh=Ssh()),
        )
        self.told: list[str] = []
        self.stopping = threading.Event()
        self.cancelled = False
        self.secrets: tuple[str, ...] = ()
        self.folder = inn.folder / "step"

    def work(self, **options: Any) -> Work:
        self.folder.mkdir(exist_ok=True)
        return Work(
            replace(self.inn.deps, ansible=self.ansible),
            self.inn.lab(),
            self.inn.run(),
            self.blueprint,
            self.outputs,
            self.secrets,
            self.folder,
            self.stopping,
            lambda: self.cancelled,
            self.told.append,
            options,
        )

    def deploys(self, **options: Any) -> Done:
        for path in sorted(self.folder.rglob("*"), reverse=True) if self.folder.exists() else ():
            path.rmdir() if path.is_dir() else path.unlink()
        return deploy.perform(self.work(**options))

    def refuses(self) -> str:
        with pytest.raises(StepFailed) as caught:
            self.deploys()
        return caught.value.sentence

    def says(self, **deploy: Any) -> None:
        """Another `deploy` in its blueprint."""
        assert self.blueprint.deploy is not None
        self.blueprint = replace(self.blueprint, deploy=replace(self.blueprint.deploy, **deploy))

    def told_to_playbook(self, **variables: Any) -> Mapping[str, Any]:
        self.says(variables=variables)
        self.deploys()
        return self.ansible.played[-1].variables

    def file(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture
def site(inn: Inn) -> Site:
    return Site(inn)


def test_what_changed_is_told_and_each_task_on_the_way(site: Site) -> None:
    done = site.deploys()
    assert done.sentence == "2 changed"
    assert "TASK [install nginx]\nchanged: [127.0.0.1-21004]" in done.details
    assert site.told == ["waiting for 2 hosts", "task 1: install nginx", "task 2: start it"]
    site.ansible.tasks = []
    assert site.deploys().sentence == "nothing changed"


def test_the_bot_logs_in_with_a_certificate_of_its_own_for_minutes(site: Site) -> None:
    site.deploys()
    certificate = load_ssh_public_identity(site.file("key-cert.pub").encode())
    assert isinstance(certificate, SSHCertificate)
    assert certificate.key_id.decode() == f"innkeeper:demo:{site.inn.run().id}"
    assert certificate.valid_principals == [b"root"]
    assert certificate.valid_before - certificate.valid_after == 120 + 900 + 60
    config = site.file("ssh_config")
    assert "StrictHostKeyChecking yes\n" in config
    for line in (
        "IdentitiesOnly yes",
        "IdentityAgent none",
        "BatchMode yes",
        "GlobalKnownHostsFile /dev/null",
    ):
        assert f"{line}\n" in config
    assert site.file("known_hosts").splitlines() == KEYS
    assert {oct((site.folder / name).stat().st_mode & 0o777) for name in ("key", "known_hosts")} == {"0o600"}


def test_another_run_has_another_key(site: Site) -> None:
    site.deploys()
    first = site.file("key")
    site.deploys()
    assert site.file("key") != first


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (SSH, {"127.0.0.1-21004": ("127.0.0.1", 21004), "127.0.0.1-21005": ("127.0.0.1", 21005)}),
        ("192.0.2.7", {"192.0.2.7": ("192.0.2.7", 22)}),
        (
            ["a.example.org", "b.example.org:2222"],
            {"a.example.org": ("a.example.org", 22), "b.example.org": ("b.example.org", 2222)},
        ),
        ({"web 1": "ssh://192.0.2.7"}, {"web-1": ("192.0.2.7", 22)}),
        (
            ["2001:db8::7", "ssh://[2001:db8::8]:2222"],
            {"2001-db8--7": ("2001:db8::7", 22), "2001-db8--8": ("2001:db8::8", 2222)},
        ),
    ],
)
def test_an_output_names_the_hosts(site: Site, output: Any, expected: dict[str, tuple[str, int]]) -> None:
    site.outputs["ssh"] = output
    site.deploys()
    (play,) = site.ansible.played
    assert {host.name: (host.address, host.port) for host in play.hosts} == expected
    assert {host.user for host in play.hosts} == {"root"}


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (None, "The output `ssh` has `null` in it, which is no host."),
        ([], "The output `ssh` names no host."),
        ([22], "The output `ssh` has `22` in it"),
        (["-oProxyCommand=x"], "has `-oProxyCommand=x` in it, which is no host."),
        (
            ["http://192.0.2.7"],
            "which is no host. It should be such as `ssh://root@192.0.2.7:22`, or an address.",
        ),
        (["ssh://root:secret@192.0.2.7"], "which is no host"),
        (["ssh://192.0.2.7:99999"], "which is no host"),
        (["192.0.2.7 -x"], "which is no host"),
        (["ssh://anna@192.0.2.7"], "says to log in as `anna`, and certificates are for `root`"),
    ],
)
def test_an_output_of_the_wrong_kind_is_told(site: Site, output: Any, sentence: str) -> None:
    site.outputs["ssh"] = output
    assert sentence in site.refuses()
    assert site.ansible.played == []


def test_an_output_that_is_missing_is_told(site: Site) -> None:
    del site.outputs["ssh"]
    assert site.refuses() == "The lab has no output `ssh`, which its blueprint's `deploy` names."


def test_groups_are_of_the_same_hosts(site: Site) -> None:
    site.outputs |= {"web": SSH[:1], "store": ["192.0.2.9"]}
    site.says(groups={"web": "web", "store": "store"})
    site.deploys()
    (play,) = site.ansible.played
    assert play.groups == {"web": ("127.0.0.1-21004",), "store": ("192.0.2.9",)}
    assert [host.name for host in play.hosts] == ["127.0.0.1-21004", "127.0.0.1-21005", "192.0.2.9"]


def test_values_come_from_outputs_variables_and_vault(site: Site) -> None:
    site.outputs |= {"address": "192.0.2.7", "ports": [80, 443], "token": "output-canary"}
    site.inn.vault.fields |= {
        "innkeeper/labs/demo#password": "vault-canary",
        "innkeeper/variables/web#licence": "licence-canary",
    }
    site.blueprint = replace(
        site.blueprint,
        variables={
            "title": Variable("title", default="Welcome"),
            "licence": Variable("licence", sensitive=True, vault="innkeeper/variables/web#licence"),
        },
    )
    site.secrets = ("output-canary",)
    site.ansible.tasks = [FakeTask(name, says=name) for name in ("url", "token", "password", "licence")]
    site.says(
        variables={
            "url": "http://${address}:${title}/${lab}",
            "ports": "${ports}",
            "token": "${token}",
            "licence": "${licence}",
            "password": FromVault("innkeeper/labs/${lab}#password"),
            "number": 3,
            "listed": ("${address}", 4),
            "braces": "{{ lab }} $lab",
        }
    )
    done = site.deploys()
    assert site.ansible.played[-1].variables == {
        "url": "http://192.0.2.7:Welcome/demo",
        "ports": [80, 443],
        "token": "output-canary",
        "licence": "licence-canary",
        "password": "vault-canary",
        "number": 3,
        "listed": ["192.0.2.7", 4],
        "braces": "{{ lab }} $lab",
    }
    assert "http://192.0.2.7:Welcome/demo" in done.details
    assert "canary" not in done.details
    assert "canary" not in repr(site.ansible.played[-1])


def test_a_value_that_is_not_there_is_told(site: Site) -> None:
    site.says(variables={"url": "${adress}"})
    assert (
        site.refuses()
        == "`${adress}` in `deploy` is neither an output of the lab nor a variable of its blueprint."
    )
    site.outputs["ports"] = [80]
    site.says(variables={"url": "http://x:${ports}"})
    assert site.refuses() == "`${ports}` in `url` is no single value, so it stands alone: `url: ${ports}`."
    site.says(variables={"url": FromVault("innkeeper/variables/none#x")})
    with pytest.raises(VaultMissing):
        site.deploys()


def test_a_playbook_that_fails_half_way_says_where_and_why(site: Site) -> None:
    site.secrets = ("hunter22",)
    site.ansible.tasks[1] = FakeTask("start it", fails={"127.0.0.1-21005": "no port hunter22"})
    with pytest.raises(StepFailed) as caught:
        site.deploys()
    assert caught.value.sentence == '1 of 2 hosts failed at the task "start it": no port (sensitive).'
    assert "hunter22" not in caught.value.details
    assert "fatal: [127.0.0.1-21005]" in caught.value.details
    fails = dict.fromkeys(("127.0.0.1-21004", "127.0.0.1-21005"), "no space left on device")
    site.ansible.tasks = [FakeTask("install nginx", fails=fails)]
    assert site.refuses() == '2 of 2 hosts failed at the task "install nginx": no space left on device.'
    site.ansible.tasks = [
        FakeTask("one", fails={"127.0.0.1-21004": "x"}),
        FakeTask("two", fails={"127.0.0.1-21005": "y"}),
    ]
    assert site.refuses() == '1 of 2 hosts failed at the task "one": x. 1 other failed elsewhere.'


def test_a_playbook_that_cannot_be_read_is_told_in_ansibles_words(site: Site) -> None:
    site.ansible.broken = "couldn't resolve module 'ngnix'"
    assert site.refuses() == "Ansible could not begin: couldn't resolve module 'ngnix'"


def test_hosts_that_let_nobody_in_are_told(site: Site) -> None:
    site.ansible.away = {"127.0.0.1-21005": "kex error\nroot@127.0.0.1: Permission denied (publickey)."}
    assert site.refuses() == (
        "1 of 2 hosts did not let me in within 2 min: 127.0.0.1-21005. "
        "127.0.0.1-21005 says: root@127.0.0.1: Permission denied (publickey)."
    )
    assert site.ansible.played == []


def test_a_machine_without_ssh_deploys_nothing(site: Site) -> None:
    site.ansible.without_client = "this machine has no ssh client: install it"
    assert site.refuses() == "Nothing can be deployed from here: this machine has no ssh client: install it."


def test_a_look_shows_what_would_change(site: Site) -> None:
    assert site.deploys(check=True).sentence == "2 would change"
    assert site.ansible.played[-1].is_check
    site.ansible.tasks = []
    assert site.deploys(check=True).sentence == "nothing would change"


def test_tags_keep_to_their_tasks(site: Site) -> None:
    site.ansible.tasks.append(FakeTask("configure", tags=("config",)))
    assert site.deploys(tags=["config"]).sentence == "nothing changed"
    assert site.told[-1] == "task 1: configure"
    with pytest.raises(StepFailed) as caught:
        site.deploys(tags=["confg", "x"])
    assert caught.value.sentence == "The playbook has nothing with the tag `confg` or `x`."


def test_it_is_stopped_cancelled_and_limited(site: Site) -> None:
    site.ansible.tasks = [FakeTask("wait for ever", lasts=True)]
    assert site.refuses() == "The playbook took longer than 15 min and was stopped."
    site.cancelled = True
    assert site.refuses() == "Stopped."
    site.stopping.set()
    with pytest.raises(StepInterrupted):
        site.deploys()
    (sockets,) = re.findall("ControlPath (.*)/%C", site.file("ssh_config"))
    assert not Path(sockets).exists()


def test_keys_that_were_met_are_remembered_until_the_next_apply(site: Site) -> None:
    del site.outputs["known_hosts"]
    site.deploys()
    assert "StrictHostKeyChecking accept-new\n" in site.file("ssh_config")
    assert site.file("known_hosts") == ""
    (site.folder / "known_hosts").write_text("".join(f"{key}\n" for key in KEYS))  # as ssh does
    met = site.work()
    hosts.remember(met, Login(site.folder / "ssh_config", site.folder, True))
    site.deploys()
    assert site.file("known_hosts").splitlines() == KEYS
    site.inn.somebody_applies_by_hand()
    site.deploys()
    assert site.file("known_hosts") == ""
    deploy.undo(site.work())
    assert list((site.inn.deps.data_path / "known_hosts").iterdir()) == []


def test_an_output_of_keys_without_keys_lets_no_host_pass(site: Site) -> None:
    site.outputs["known_hosts"] = []
    assert site.refuses() == (
        "The output `known_hosts` has no keys of hosts in it, so none can prove which one it is."
    )
    site.says(known_hosts="keys")
    assert "has no output `keys`" in site.refuses()


def test_a_blueprint_without_a_playbook_deploys_nothing(site: Site) -> None:
    site.blueprint = Blueprint("web", "Web", Path("/labs/web"), Path("/labs/web"))
    assert site.deploys() == Done("nothing to deploy")
