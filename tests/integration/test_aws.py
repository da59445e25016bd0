"""The blueprint aws-ec2 as it ships, with the real provider and no cloud: planned, guarded, applied, destroyed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from state.records import Person
from tests.integration.aws import LABS, Aws, aws, provider_mirror, without_a_host
from tests.integration.house import House, said

__all__ = ["aws", "provider_mirror"]  # fixtures

pytestmark = pytest.mark.integration

NETWORK = "203.0.113.0/24"


def test_the_aws_blueprint_is_planned_applied_and_destroyed(
    provider_mirror: dict[str, str], own_house: House, aws: Aws
) -> None:
    key = given(own_house, aws)
    own_house.start(**provider_mirror)

    own_house.asks(own_house.riley, f"/lab up aws-ec2 cloud ssh_from={NETWORK} web_from=0.0.0.0/0")
    card = own_house.card("cloud: proposed", 120)
    assert "8 to add" in said(card)
    assert "denied" not in said(card).lower()
    own_house.approve_all("cloud")
    own_house.card("cloud: applied", 120)

    [host] = hosts(aws)
    assert (host["InstanceType"], host["KeyName"]) == ("t3.micro", "cloud")
    tags = {each["Key"]: each["Value"] for each in host["Tags"]}
    owner = Person(own_house.slack.team, own_house.riley).key
    assert tags == {
        "Name": "cloud",
        "lab": "cloud",
        "owner": owner,
        "managed": "innkeeper",
        "terraform": "true",
    }
    assert openings(aws, host) == {22: [NETWORK], 80: ["0.0.0.0/0", NETWORK]}
    [pair] = aws.ec2.describe_key_pairs(IncludePublicKey=True)["KeyPairs"]
    assert (pair["KeyName"], pair["PublicKey"].split()[:2]) == ("cloud", key.split())
    own_house.asks(own_house.riley, "/lab output cloud", expect=f"http://{host['PublicIpAddress']}/")

    own_house.asks(own_house.riley, "/lab down cloud")
    own_house.card("cloud: proposed", 120, number=2)
    own_house.approve_all("cloud")
    own_house.card("cloud: destroyed", 120)
    assert hosts(aws) == aws.ec2.describe_key_pairs()["KeyPairs"] == []
    assert [each["GroupName"] for each in aws.ec2.describe_security_groups()["SecurityGroups"]] == ["default"]
    for secret in aws.credentials.values():
        assert secret not in own_house.log


def given(house: House, aws: Aws) -> str:
    """The blueprint, the policies, the way to AWS in Vault, and a key of riley's. Gives that."""
    shutil.copytree(LABS / "aws-ec2", house.labs / "aws-ec2")
    shutil.copytree(LABS / "policy", house.labs / "policy")
    blueprint = house.labs / "aws-ec2" / "blueprint.yaml"
    blueprint.write_text(without_a_host(blueprint.read_text()))
    told = {**aws.credentials, "endpoint_url": aws.address}
    house.vault_client.secrets.kv.v2.create_or_update_secret("providers/aws", told, mount_point="innkeeper")
    public_key = Ed25519PrivateKey.generate().public_key()
    key = public_key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    riley = house.vault.operator(Person(house.slack.team, house.riley))
    assert riley is not None
    house.vault.write_operator(replace(riley, ssh_public_keys=(key,)))
    return key


def hosts(aws: Aws) -> list[dict[str, Any]]:
    """The servers that run."""
    found = aws.ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    return [host for each in found["Reservations"] for host in each["Instances"]]


def openings(aws: Aws, host: dict[str, Any]) -> dict[int, list[str]]:
    """Port → networks that reach it."""
    ids = [each["GroupId"] for each in host["SecurityGroups"]]
    [group] = aws.ec2.describe_security_groups(GroupIds=ids)["SecurityGroups"]
    return {
        rule["FromPort"]: sorted(each["CidrIp"] for each in rule["IpRanges"])
        for rule in group["IpPermissions"]
        if rule["FromPort"] == rule["ToPort"]
    }
