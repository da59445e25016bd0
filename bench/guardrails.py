"""The shipped guardrails on a plan of 1,000 resources, from what `terraform show -json` gave to the verdict."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from bench.measure import Measure, Tell, absolute
from bench.parts import LABS, Parts
from commands.blueprints.records import Blueprint
from commands.engines.module_sources.module_facts import facts
from commands.engines.policy import Question
from commands.guardrails import Subject, folder, judge_plan

ROUNDS = 9
RESOURCES = 1000
PLANNING_SECONDS = 0.5  # much less than Terraform takes to plan so many
LIMIT_SECONDS, SOURCES_LIMIT_SECONDS = 0.3, 0.5

_TAGS = {"Name": "bench", "lab": "bench", "owner": "T1-U1"}
_PASSING = {
    "protocol": "tcp",
    "from_port": 22,
    "to_port": 22,
    "cidr_blocks": ["203.0.113.0/24"],
    "ipv6_cidr_blocks": [],
    "prefix_list_ids": [],
    "security_groups": [],
    "self": False,
    "description": "ssh",
}
# What the AWS provider plans for each, as far as it is known before it is made.
_KINDS: dict[str, dict[str, Any]] = {
    "aws_instance": {
        "ami": "ami-0123456789abcdef0",
        "instance_type": "t3.micro",
        "associate_public_ip_address": True,
        "source_dest_check": True,
        "get_password_data": False,
        "hibernation": None,
        "user_data": "a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3e4f5a0b1",
        "root_block_device": [{"encrypted": True, "volume_size": 16, "volume_type": "gp3", "tags": None}],
        "tags": None,
        "tags_all": _TAGS,
    },
    "aws_security_group": {"name": "bench", "ingress": [_PASSING], "tags": None, "tags_all": _TAGS},
    "aws_subnet": {
        "cidr_block": "10.0.0.0/24",
        "map_public_ip_on_launch": False,
        "tags": None,
        "tags_all": _TAGS,
    },
    "aws_route_table_association": {"gateway_id": None},
    "aws_vpc_security_group_ingress_rule": {
        "ip_protocol": "tcp",
        "from_port": 443,
        "to_port": 443,
        "cidr_ipv4": "0.0.0.0/0",
        "tags": None,
        "tags_all": _TAGS,
    },
    "aws_route53_record": {"name": "host.lab.test", "type": "A", "ttl": 300, "allow_overwrite": None},
}


def measure(parts: Parts, rounds: int, tell: Tell) -> list[Measure]:
    """The plan in a process that has its policies on disk alone, as a worker has; and the facts of a module."""
    subject = Subject("apply", "bench", Blueprint("bench", "", LABS, LABS), "T1-U1", ("operator",))
    shown = json.loads(json.dumps(plan()))
    judged, read = list[float](), list[float]()
    for number in range(rounds):
        tell(f"guardrails, round {number + 1} of {rounds}")
        with Question(folder(LABS)) as question:
            time.sleep(PLANNING_SECONDS)  # it is begun when Terraform begins to plan
            began = time.perf_counter()
            verdict = judge_plan(folder(LABS), subject, shown, question=question)
            judged.append(time.perf_counter() - began)
        if verdict.denials:
            raise RuntimeError(f"the plan should pass: {verdict.denials[0].message}")
        began = time.perf_counter()
        facts(Path(LABS, "aws-ec2"))
        read.append(time.perf_counter() - began)
    return [
        absolute("guardrails on 1,000 resources", judged, LIMIT_SECONDS, "s"),
        absolute("facts of a branch's module", read, SOURCES_LIMIT_SECONDS, "s"),
    ]


def plan() -> dict[str, Any]:
    """As `terraform show -json`: resources of six types in equal parts, large ones and small ones, all to be made."""
    kinds = list(_KINDS)
    changes = [_change(kinds[number % len(kinds)], number) for number in range(RESOURCES)]
    provider = {"name": "aws", "full_name": "registry.terraform.io/hashicorp/aws"}
    region = {"expressions": {"region": {"constant_value": "eu-central-1"}}}
    return {"resource_changes": changes, "configuration": {"provider_config": {"aws": provider | region}}}


def _change(kind: str, number: int) -> dict[str, Any]:
    return {
        "address": f"{kind}.host[{number}]",
        "mode": "managed",
        "type": kind,
        "name": "host",
        "index": number,
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": {
            "actions": ["create"],
            "before": None,
            "after": _KINDS[kind],
            "after_unknown": {"id": True, "arn": True, "vpc_id": True, "subnet_id": True, "tags_all": {}},
            "before_sensitive": False,
            "after_sensitive": {"tags_all": {}},
        },
    }
