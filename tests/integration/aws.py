"""An AWS that is no cloud: moto's server, and the real provider from the mirror that this machine's Terraform knows."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
import requests
import yaml

from bot.playground.ports import free_port
from commands.engines.terraform.setting import Setting
from tests.conftest import cannot_be_had
from tests.waiting import until

LABS = Path(__file__).resolve().parents[2] / "labs"
REGION = "eu-central-1"

# What the blueprint looks for.
AMIS = [
    {
        "ami_id": "ami-0123456789abcdef0",
        "name": "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20260601",
        "description": "An Ubuntu",
        "owner_id": "099720109477",
        "public": True,
        "virtualization_type": "hvm",
        "architecture": "x86_64",
        "state": "available",
        "platform": None,
        "image_type": "machine",
        "hypervisor": "xen",
        "root_device_name": "/dev/sda1",
        "root_device_type": "ebs",
        "sriov": "simple",
        "creation_date": "2026-06-01T00:00:00.000Z",
    }
]
PROBE = 'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws", version = "~> 5.100" }\n  }\n}\n'


@dataclass(frozen=True)
class Aws:
    address: str
    credentials: dict[str, str] = field(
        default_factory=lambda: {
            "access_key_id": f"AKIA{secrets.token_hex(8).upper()}",
            "secret_access_key": secrets.token_urlsafe(30),
        }
    )

    @property
    def ec2(self) -> Any:
        """A client of our own, which sees what is there."""
        keys = {f"aws_{name}": value for name, value in self.credentials.items()}
        return boto3.client("ec2", endpoint_url=self.address, region_name=REGION, **keys)


@pytest.fixture
def provider_mirror(tmp_path: Path) -> dict[str, str]:
    """The variables of an environment in which Terraform finds the AWS provider without a registry."""
    setting = Setting.find("terraform", tmp_path / "terraform-found", os.environ)
    if "provider_installation" not in setting.cli_config.read_text():
        cannot_be_had("A provider mirror (`provider_installation` in Terraform's command line configuration)")
    module = tmp_path / "probe"
    module.mkdir()
    (module / "main.tf").write_text(PROBE)
    environment = setting.environment(module, {})
    command = [*setting.command, "init", "-no-color"]
    done = subprocess.run(command, cwd=module, env=environment, capture_output=True, text=True, timeout=60)
    if done.returncode:
        cannot_be_had(f"hashicorp/aws 5.100 from the provider mirror of {setting.cli_config}")
    return {"TF_CLI_CONFIG_FILE": str(setting.cli_config)}


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Aws]:
    """moto's server as a process of its own."""
    (tmp_path / "amis.json").write_text(json.dumps(AMIS))
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {**os.environ, "MOTO_AMIS_PATH": str(tmp_path / "amis.json")}
    with (tmp_path / "moto.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(address), 30)
        yield Aws(address)
    finally:
        server.kill()
        server.wait()


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/moto-api/", timeout=30).ok
    except requests.ConnectionError:
        return False


def without_a_host(blueprint: str) -> str:
    """A blueprint.yaml that goes to another AWS, and leaves out what takes a host that can be reached."""
    told = yaml.safe_load(blueprint)
    told["credentials"]["AWS_ENDPOINT_URL"] = "innkeeper/providers/aws#endpoint_url"
    for key in ("secure", "deploy", "integrate", "test", "health"):
        del told[key]
    return str(yaml.safe_dump(told, sort_keys=False))
