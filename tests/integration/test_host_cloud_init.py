"""labs/hosts/cloud-init.yaml, rendered by Terraform: a new host gets exactly the files that are tested here."""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.krl_signer import KrlSigner
from tests.integration.host import HOSTS
from tests.integration.laptop import terraform_command

pytestmark = pytest.mark.integration

FOLDER = "/etc/ssh/innkeeper"
INSTALLED = {
    "/usr/local/sbin/innkeeper-trust": "innkeeper-trust",
    "/etc/systemd/system/innkeeper-trust.service": "innkeeper-trust.service",
    "/etc/systemd/system/innkeeper-trust.timer": "innkeeper-trust.timer",
    "/etc/ssh/sshd_config.d/10-innkeeper.conf": "sshd.conf",
    "/usr/local/sbin/innkeeper-active": "innkeeper-active",
    "/etc/systemd/system/innkeeper-active.service": "innkeeper-active.service",
    "/etc/systemd/system/innkeeper-active.timer": "innkeeper-active.timer",
}
REPORTS = {"active_url": "https://innkeeper.example.com/labs/demo/active", "active_token": "a-token"}
AWS_LIMIT_BYTES = 16 * 1024  # of user data, before base64


LABS = HOSTS.parent
CLOUDS = ("aws-ec2", "digitalocean-droplet")


def output(folder: Path, expression: str) -> str:
    """What Terraform makes of the expression, with whatever modules are in the folder."""
    (folder / "output.tf").write_text(f'output "user_data" {{\nvalue = {expression}\nsensitive = true\n}}')
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "CHECKPOINT_DISABLE": "1"}
    command = terraform_command(folder)
    for words in (("init",), ("apply", "-auto-approve"), ("output", "-raw", "user_data")):
        done = subprocess.run(
            [*command, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def signer() -> KrlSigner:
    return KrlSigner()


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, signer: KrlSigner) -> str:
    values = {
        "innkeeper_url": "https://innkeeper.example.com",
        "lab": "demo",
        "ssh_ca_public_key": signer.ca_public_key + "\n",
        "krl_public_key": signer.signing_public_key(),
        **REPORTS,
        "hosts": str(HOSTS),
    }
    template = json.dumps(f"{HOSTS}/cloud-init.yaml")
    folder = tmp_path_factory.mktemp("cloud-init")
    return output(folder, f"templatefile({template}, {json.dumps(values)})")


@pytest.fixture(scope="module")
def files(rendered: str) -> dict[str, dict[str, Any]]:
    return {each["path"]: each for each in yaml.safe_load(rendered)["write_files"]}


def content(file: dict[str, Any]) -> bytes:
    if file.get("encoding") == "gz+b64":
        return gzip.decompress(base64.b64decode(file["content"]))
    return str(file["content"]).encode()


def test_it_is_for_cloud_init_and_small_enough_for_aws(rendered: str) -> None:
    assert rendered.startswith("#cloud-config\n")
    assert len(rendered.encode()) < AWS_LIMIT_BYTES


def test_a_host_gets_the_files_that_are_in_the_repository(files: dict[str, dict[str, Any]]) -> None:
    for path, name in INSTALLED.items():
        assert content(files[path]) == (HOSTS / name).read_bytes()
    for name in ("innkeeper-trust", "innkeeper-active"):
        assert files[f"/usr/local/sbin/{name}"]["permissions"] == "0755"


def test_a_host_gets_what_it_pins_and_trusts_no_certificate_yet(
    files: dict[str, dict[str, Any]], signer: KrlSigner
) -> None:
    pinned = {
        path.removeprefix(f"{FOLDER}/"): content(files[path]).decode() for path in files if FOLDER in path
    }
    assert pinned == {
        "url": "https://innkeeper.example.com\n",
        "lab": "demo\n",
        "ca.pub": signer.ca_public_key + "\n",
        "krl": signer.ca_public_key + "\n",
        "krl.pub": signer.signing_public_key(),
    }


def test_a_host_is_told_where_it_reports_that_it_is_used_for_root_alone(
    files: dict[str, dict[str, Any]],
) -> None:
    for name, value in REPORTS.items():
        file = files[f"/etc/innkeeper/{name}"]
        assert (content(file), file["permissions"]) == (f"{value}\n".encode(), "0600")


def test_the_timers_are_started_and_sshd_reads_its_lines(rendered: str) -> None:
    commands = yaml.safe_load(rendered)["runcmd"]
    assert "systemctl enable --now innkeeper-trust.timer" in commands
    assert "systemctl enable --now innkeeper-active.timer" in commands
    assert "try-reload-or-restart ssh" in commands[-1]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_each_cloud_has_the_same_files(cloud: str) -> None:
    """A module is copied alone, so it has files of its own: `cp labs/hosts/* labs/CLOUD/hosts/` after a change."""
    own = {path.name: path.read_bytes() for path in (LABS / cloud / "hosts").iterdir()}
    assert own == {path.name: path.read_bytes() for path in HOSTS.iterdir()}
    for name in ("innkeeper-trust", "innkeeper-active"):
        assert (LABS / cloud / "hosts" / name).stat().st_mode & 0o111


def test_each_cloud_deploys_the_same() -> None:
    """As above: `cp labs/aws-ec2/app/* labs/CLOUD/app/` after a change."""
    first, *others = (
        {path.name: path.read_bytes() for path in (LABS / cloud / "app").iterdir()} for cloud in CLOUDS
    )
    assert first
    assert others == [first] * len(others)


def user_data(cloud: str, folder: Path, **variables: str) -> dict[str, Any]:
    """What a server of that cloud is given at its first start, without asking the cloud."""
    shutil.copytree(LABS / cloud / "hosts", folder / "hosts")
    for name in ("cloud-init.tf", "variables.tf"):
        shutil.copy(LABS / cloud / name, folder / name)
    values = {
        "lab": "demo",
        "owner": "T1-U1",
        "trusted_ssh_keys": ["ssh-ed25519 AAAA root"],
        "ssh_from": ["203.0.113.0/24"],
        **variables,
    }
    (folder / "terraform.tfvars.json").write_text(json.dumps(values))
    text = output(folder, '"#cloud-config\\n${yamlencode(local.cloud_config)}"')
    assert len(text.encode()) < AWS_LIMIT_BYTES
    return dict(yaml.safe_load(text))


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_server_trusts_the_labs_certificates_and_knows_where_the_list_is(
    cloud: str, tmp_path: Path, signer: KrlSigner
) -> None:
    given = user_data(
        cloud,
        tmp_path,
        ssh_ca_public_key=signer.ca_public_key,
        krl_public_key=signer.signing_public_key(),
        innkeeper_url="https://innkeeper.example.com",
        **REPORTS,
    )
    found = {each["path"]: content(each).decode() for each in given["write_files"]}
    assert found[f"{FOLDER}/url"] == "https://innkeeper.example.com\n"
    assert found[f"{FOLDER}/ca.pub"] == signer.ca_public_key + "\n"
    assert found["/etc/ssh/sshd_config.d/10-innkeeper.conf"] == (HOSTS / "sshd.conf").read_text()
    assert found["/etc/innkeeper/active_token"] == "a-token\n"
    assert "ssh-ed25519 AAAA root" in json.dumps(given)
    assert "systemctl enable --now innkeeper-trust.timer" in given["runcmd"]
    assert "systemctl enable --now innkeeper-active.timer" in given["runcmd"]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_server_that_is_not_told_where_reports_nothing(
    cloud: str, tmp_path: Path, signer: KrlSigner
) -> None:
    given = user_data(
        cloud,
        tmp_path,
        ssh_ca_public_key=signer.ca_public_key,
        krl_public_key=signer.signing_public_key(),
        innkeeper_url="https://innkeeper.example.com",
    )
    assert "innkeeper-active" not in json.dumps(given)
    assert "/etc/ssh/innkeeper/url" in json.dumps(given)


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("missing", ["ssh_ca_public_key", "krl_public_key", "innkeeper_url"])
def test_a_server_that_cannot_learn_what_is_revoked_trusts_no_certificate(
    cloud: str, missing: str, tmp_path: Path, signer: KrlSigner
) -> None:
    values = {
        "ssh_ca_public_key": signer.ca_public_key,
        "krl_public_key": signer.signing_public_key(),
        "innkeeper_url": "https://innkeeper.example.com",
    }
    given = user_data(cloud, tmp_path, **{**values, missing: ""})
    assert "TrustedUserCAKeys" not in json.dumps(given)
    assert "write_files" not in given
    assert "ssh-ed25519 AAAA root" in json.dumps(given)
