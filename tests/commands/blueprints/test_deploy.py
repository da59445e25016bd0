from __future__ import annotations

from pathlib import Path

import pytest

from commands.blueprint import BlueprintBroken
from commands.blueprints import file as blueprint_file
from commands.blueprints.records import Deploy, FromVault

HEAD = "name: web\nsummary: Web servers\nsecure: {ssh: {}}\n"
WHOLE = """\
deploy:
  playbook: play/site.yml
  hosts: machines
  groups: {web: web_hosts}
  variables:
    title: "${title} of ${lab}"
    ports: [80, 443]
    is_public: true
    password: {vault: "innkeeper/labs/${lab}#password"}
  known_hosts: keys
  within: 5m
  limit: 30m
"""


def read(root: Path, text: str, head: str = HEAD) -> Deploy | None:
    folder = root / "labs" / "web"
    (folder / "play").mkdir(parents=True)
    for name in ("main.tf", "site.yml", "play/site.yml"):
        (folder / name).write_text("")
    (folder / "blueprint.yaml").write_text(head + text)
    return blueprint_file.read(folder, root / "labs").deploy


def test_every_key_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, WHOLE) == Deploy(
        playbook=tmp_path / "labs" / "web" / "play" / "site.yml",
        hosts="machines",
        groups={"web": "web_hosts"},
        variables={
            "title": "${title} of ${lab}",
            "ports": (80, 443),
            "is_public": True,
            "password": FromVault("innkeeper/labs/${lab}#password"),
        },
        known_hosts="keys",
        within_seconds=300,
        limit_seconds=1800,
    )


def test_a_playbook_is_enough(tmp_path: Path) -> None:
    found = read(tmp_path, "deploy: {playbook: site.yml}\n")
    assert found == Deploy(tmp_path / "labs" / "web" / "site.yml")
    assert (found.hosts, found.within_seconds, found.limit_seconds) == ("ssh", 120, 900)


def test_what_logs_in_needs_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(BlueprintBroken) as caught:
        read(tmp_path, "deploy: {playbook: site.yml}\n", "name: web\nsummary: Web servers\n")
    assert (caught.value.line, caught.value.sentence) == (
        3,
        "`deploy` logs in with a certificate, so `secure` needs `ssh`: `secure: {ssh: {user: root}}`.",
    )


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("{hosts: ssh}", "`deploy` has a `playbook`, and this one has none."),
        ("{playbook: none.yml}", "There is no file `none.yml` here."),
        ("{playbook: ../../../etc/passwd}", "`playbook` leads out of the catalogue."),
        ("{playbook: site.yml, inventory: x}", "`inventory` is not a key of deploy."),
        ("{playbook: site.yml, hosts: [a]}", "`hosts` is a text, a number, true or false."),
        ("{playbook: site.yml, hosts: '${ssh}'}", "`hosts` is written as an output's name, not `${ssh}`."),
        ("{playbook: site.yml, groups: {a-b: ssh}}", "`a-b` is no name in `groups`"),
        ("{playbook: site.yml, groups: {all: ssh}}", "`all` means something to Ansible."),
        (
            "{playbook: site.yml, variables: {ansible_ssh_common_args: x}}",
            "`ansible_ssh_common_args` means something to Ansible.",
        ),
        ("{playbook: site.yml, variables: {a: {b: c}}}", "`b` is not a key of a."),
        ("{playbook: site.yml, variables: {a: {}}}", "`a` is a value, or has a `vault` below it."),
        ("{playbook: site.yml, variables: {a: {vault: x}}}", "`vault` is written mount/path#field, not `x`."),
        (
            "{playbook: site.yml, variables: {a: {vault: 'x/${owner}#y'}}}",
            "`vault` is written mount/path#field",
        ),
        ("{playbook: site.yml, within: 11m}", "`within` is 10m at most."),
        ("{playbook: site.yml, limit: 1h}", "`limit` is 45m at most."),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, written: str, sentence: str) -> None:
    with pytest.raises(BlueprintBroken) as caught:
        read(tmp_path, f"deploy: {written}\n")
    assert caught.value.line == 4
    assert sentence in caught.value.sentence
