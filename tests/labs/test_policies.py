"""Each shipped policy denies what it is for, and lets pass what is ordinary."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import regopy
import yaml

from commands.blueprints.catalogue import Catalogue
from commands.engines.module_sources import module_reading
from commands.engines.module_sources.module_facts import facts
from commands.engines.policy import coded, evaluate, plain
from commands.guardrails import Subject, document, judge_plan, judge_sources, plan_document
from tests.commands.test_guardrails import BLUEPRINT, change, provider, subject

LABS = Path(__file__).parents[2] / "labs"
POLICIES = LABS / "policy"
CONFIG: dict[str, Any] = yaml.safe_load((POLICIES / "config.yaml").read_text())

Said = dict[str, dict[str, list[Any]]]
Judge = Callable[..., Said]


@pytest.fixture(scope="module")
def judged() -> Judge:
    """Asks all policies in this process: a child for each of so many cases would take its time."""
    rego = regopy.Interpreter()
    files = {path.stem: path for path in sorted(POLICIES.glob("*.rego"))}
    for path in POLICIES.rglob("*.rego"):
        rego.add_module(path.name, path.read_text())
    bundle = rego.build(None, [f"innkeeper/{name}" for name in files])

    def judge(asked: dict[str, Any]) -> Said:
        rego.set_input(json.loads(coded({"config": CONFIG, **asked})))
        said = {}
        for name in files:
            [value] = rego.query_bundle_entrypoint(bundle, f"innkeeper/{name}")[0].expressions
            found = {rule: [_told(each) for each in value.get(rule, ())] for rule in ("deny", "warn")}
            found = {rule: messages for rule, messages in found.items() if messages}
            said |= {name: found} if found else {}
        return said

    return judge


def _told(message: dict[str, Any]) -> dict[str, Any]:
    return {key: plain(value) if isinstance(value, str) else value for key, value in message.items()}


def of_plan(judged: Judge, *changes: dict[str, Any], branch: str = "", **shown: Any) -> Said:
    plan = plan_document({"resource_changes": list(changes), **shown})
    return judged(document("plan", subject(branch), None, plan))


def of_sources(judged: Judge, folder: Path, text: str = "", branch: str = "feature", **files: str) -> Said:
    folder.mkdir(exist_ok=True)
    for name, content in {
        "main.tf": text,
        **{key.replace("__", "."): each for key, each in files.items()},
    }.items():
        (folder / name).write_text(content)
    found: Any = module_reading.read(folder, folder)
    return judged(document("sources", subject(branch), found, None))


def test_every_policy_has_a_package_of_its_name() -> None:
    for path in POLICIES.glob("*.rego"):
        assert f"\npackage innkeeper.{path.stem}\n" in path.read_text()
        assert path.read_text().startswith("# ")


def test_the_catalogue_takes_the_policies_for_no_blueprint() -> None:
    catalogue = Catalogue(LABS)
    assert "policy" not in catalogue.blueprints()
    assert catalogue.broken() == []


@pytest.mark.integration
def test_the_child_says_what_is_said_here(judged: Judge) -> None:
    asked = document("plan", subject(), None, plan_document({"resource_changes": [change("other_thing.x")]}))
    here = judged(asked)
    child = evaluate(POLICIES, asked)
    assert {each.policy for each in child.denials} == set(here) == set()
    assert child.passed == len(list(POLICIES.glob("*.rego")))


# Sources


ORDINARY = """
terraform {
  required_version = ">= 1.4"
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 5.60" }
  }
}

provider "aws" {
  region = var.region
}

variable "region" {
  type    = string
  default = "eu-central-1"
}

variable "networks" {
  type = list(object({ cidr = string, name = optional(string) }))
}

data "aws_ami" "ubuntu" {
  owners = ["self"]
}

resource "aws_instance" "host" {
  ami       = data.aws_ami.ubuntu.id
  user_data = templatefile("${path.module}/init.sh", { name = lower("x") })
}
"""


def test_an_ordinary_branch_passes(judged: Judge, tmp_path: Path) -> None:
    assert of_sources(judged, tmp_path, ORDINARY, init__sh="echo ${name}\n") == {}


DENIED = {
    "sources_readable": ["locals {", 'action "x" "y" {\n}\n', 'data "\\u0065xternal" "x" {\n}\n'],
    "no_provisioner": [
        'resource "aws_instance" "x" {\n  provisioner "local-exec" {\n    command = "id"\n  }\n}\n',
        'resource "aws_instance" "x" {\n  connection {\n  }\n}\n',
        'removed {\n  from = aws_vpc.x\n  provisioner "local-exec" {\n    when = destroy\n  }\n}\n',
    ],
    "data_sources": [
        'data "external" "x" {\n}\n',
        'data "http" "x" {\n}\n',
        'data "terraform_remote_state" "x" {\n}\n',
        'data "local_file" "x" {\n}\n',
        'data "aws_lambda_invocation" "x" {\n}\n',
        'data "aws_secretsmanager_secret_version" "x" {\n}\n',
        'check "c" {\n  data "http" "x" {\n  }\n}\n',
        'ephemeral "aws_secretsmanager_secret_version" "x" {\n}\n',
    ],
    "host_files": [
        'locals {\n  x = file("/etc/passwd")\n}\n',
        'locals {\n  x = file(var.name)\n}\n',
        'locals {\n  x = templatestring(local.x, {})\n}\n',
        'locals {\n  x = provider::local::direxists("/etc")\n}\n',
        'locals {\n  x = of_tomorrow("/etc")\n}\n',
        'output "x" {\n  value = <<EOT\n${filebase64("/proc/self/environ")}\nEOT\n}\n',
    ],
    "terraform_settings": [
        'terraform {\n  backend "s3" {\n  }\n}\n',
        "terraform {\n  cloud {\n  }\n}\n",
        'terraform {\n  encryption {\n    key_provider "external" "x" {\n    }\n  }\n}\n',
        'terraform {\n  provider_meta "aws" {\n  }\n}\n',
    ],
    "module_sources": [
        'module "x" {\n  source = "git::https://example.com/x"\n}\n',
        'module "x" {\n  source = "../x"\n}\n',
        'module "x" {\n  source = "hashicorp/consul/aws"\n}\n',
    ],
    "providers": [
        'terraform {\n  required_providers {\n    aws = { source = "evil.example.com/hashicorp/aws" }\n  }\n}\n',
        'terraform {\n  required_providers {\n    x = { source = "someone/aws" }\n  }\n}\n',
        'terraform {\n  required_providers {\n    x = { source = var.source }\n  }\n}\n',
        'resource "null_resource" "x" {\n}\n',
        'resource "local_file" "x" {\n}\n',
        'provider "digitalocean" {\n  api_endpoint = "https://evil.example.com"\n}\n',
        'provider "aws" {\n  endpoints {\n    ec2 = "https://evil.example.com"\n  }\n}\n',
        'provider "aws" {\n  shared_config_files = ["config"]\n}\n',
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "text"), [(policy, text) for policy, texts in DENIED.items() for text in texts]
)
def test_what_a_branch_may_not_do(judged: Judge, tmp_path: Path, policy: str, text: str) -> None:
    found = of_sources(judged, tmp_path, text)
    assert found[policy]["deny"]
    for denial in found[policy]["deny"]:
        assert not denial.get("overridable")
        assert denial["file"] == "main.tf"
        assert denial["msg"].endswith(".")


@pytest.mark.parametrize("text", [text for texts in DENIED.values() for text in texts])
def test_what_the_catalogue_does_was_reviewed(judged: Judge, tmp_path: Path, text: str) -> None:
    assert set(of_sources(judged, tmp_path, text, branch="")) <= {"providers"}


def test_the_catalogues_own_providers_are_of_the_list_as_well(judged: Judge, tmp_path: Path) -> None:
    assert "providers" in of_sources(judged, tmp_path, 'resource "null_resource" "x" {\n}\n', branch="")


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("x.auto.tfvars", "no_special_files"),
        ("terraform.tfvars.json", "no_special_files"),
        ("x_override.tf", "no_special_files"),
        ("override.tf.json", "no_special_files"),
        (".terraformrc", "no_special_files"),
        ("terraform.tfstate", "no_special_files"),
        ("x.tftest.hcl", "no_special_files"),
    ],
)
def test_a_file_that_a_branch_may_not_have(judged: Judge, tmp_path: Path, name: str, policy: str) -> None:
    (tmp_path / name).write_text("{}")
    [denial] = of_sources(judged, tmp_path)[policy]["deny"]
    assert name in denial["msg"]


def test_a_link_in_a_branch(judged: Judge, tmp_path: Path) -> None:
    (tmp_path / "passwd").symlink_to("/etc/passwd")
    [denial] = of_sources(judged, tmp_path)["no_links"]["deny"]
    assert denial["msg"] == "A branch may not have symbolic links: passwd leads to /etc/passwd."


def test_an_import_is_pointed_out(judged: Judge, tmp_path: Path) -> None:
    text = 'import {\n  to = aws_vpc.x\n  id = "vpc-1"\n}\nresource "aws_vpc" "x" {\n}\n'
    assert of_sources(judged, tmp_path, text)["imports"]["warn"]
    assert of_plan(judged, change("aws_vpc.x", tags_all=TAGS, importing={"id": "x"}))["imports"]["warn"]


# Plans


TAGS = {"lab": "demo", "owner": "T1-U1"}


def rule(**more: Any) -> dict[str, Any]:
    return {
        "protocol": "tcp",
        "from_port": 22,
        "to_port": 22,
        "cidr_blocks": [],
        "ipv6_cidr_blocks": [],
    } | more


def group(*rules: dict[str, Any], kind: str = "aws_security_group") -> dict[str, Any]:
    return change(f"{kind}.host", ingress=list(rules), tags_all=TAGS)


def firewall(**more: Any) -> dict[str, Any]:
    inbound = {"protocol": "tcp", "port_range": "22", "source_addresses": ["203.0.113.0/24"]} | more
    return change("digitalocean_firewall.host", inbound_rule=[inbound])


WORLD = [
    group(rule(cidr_blocks=["0.0.0.0/0"])),
    group(rule(ipv6_cidr_blocks=["::/0"])),
    group(rule(cidr_blocks=["10.0.0.0/8", "0.0.0.0/0"])),
    group(rule(cidr_blocks=["0.0.0.0/1"]), rule(cidr_blocks=["128.0.0.0/1"])),
    group(rule(ipv6_cidr_blocks=["2000::/3"])),
    group(rule(from_port=0, to_port=65535, cidr_blocks=["0.0.0.0/0"])),
    group(rule(from_port=20, to_port=25, protocol="6", cidr_blocks=["0.0.0.0/0"])),
    group(rule(protocol="-1", from_port=0, to_port=0, cidr_blocks=["0.0.0.0/0"])),
    group(rule(cidr_blocks=["0.0.0.0/0"]), kind="aws_default_security_group"),
    change("aws_security_group_rule.x", type="ingress", **rule(cidr_blocks=["0.0.0.0/0"])),
    change("aws_security_group_rule.x", type="ingress", **rule(ipv6_cidr_blocks=["::/0"])),
    change(
        "aws_vpc_security_group_ingress_rule.x",
        from_port=22,
        to_port=22,
        ip_protocol="tcp",
        cidr_ipv4="0.0.0.0/0",
    ),
    change(
        "aws_vpc_security_group_ingress_rule.x", from_port=22, to_port=22, ip_protocol="tcp", cidr_ipv6="::/0"
    ),
    change("aws_vpc_security_group_ingress_rule.x", ip_protocol="-1", cidr_ipv4="0.0.0.0/0"),
    change("aws_ec2_managed_prefix_list.x", entry=[{"cidr": "0.0.0.0/0"}], tags_all=TAGS),
    group(rule(protocol=None, cidr_blocks=["0.0.0.0/0"])),
    group(rule(from_port=None, to_port=None, cidr_blocks=["0.0.0.0/0"])),
    group(rule(protocol="-1", from_port=443, to_port=443, cidr_blocks=["0.0.0.0/0"])),
    firewall(source_addresses=["0.0.0.0/0"]),
    firewall(source_addresses=["::/0"]),
    firewall(source_addresses=["0.0.0.0/0"], port_range="1-65535"),
    firewall(source_addresses=["0.0.0.0/0"], port_range="all"),
    firewall(source_addresses=["0.0.0.0/0"], port_range="0"),
]


@pytest.mark.parametrize("made", WORLD)
def test_ssh_to_the_world(judged: Judge, made: dict[str, Any]) -> None:
    found = of_plan(judged, made)["ssh_to_the_world"]["deny"]
    assert found
    for denial in found:
        assert "opens ssh to the world" in denial["msg"]
        assert denial["address"] == made["address"]
        assert not denial.get("overridable")


def unknown(address: str, marks: dict[str, Any], **known: Any) -> dict[str, Any]:
    return change(address, **known, tags_all=TAGS, after_unknown=marks)


GROUP, FIREWALL = "aws_security_group.x", "digitalocean_firewall.x"


@pytest.mark.parametrize(
    "made",
    [
        unknown(GROUP, {"ingress": True}),
        unknown(GROUP, {"ingress": [{"cidr_blocks": True}]}, ingress=[rule()]),
        unknown(GROUP, {"ingress": [{"cidr_blocks": [True]}]}, ingress=[rule()]),
        unknown(
            "aws_vpc_security_group_ingress_rule.x",
            {"cidr_ipv4": True},
            **{"from_port": 22, "to_port": 22, "ip_protocol": "tcp"},
        ),
        unknown(FIREWALL, {"inbound_rule": True}),
        unknown(FIREWALL, {"inbound_rule": [{"source_addresses": True}]}, inbound_rule=[{"protocol": "tcp"}]),
    ],
)
def test_what_is_not_known_yet_is_for_people_to_say(judged: Judge, made: dict[str, Any]) -> None:
    [denial] = of_plan(judged, made)["ssh_to_the_world"]["deny"]
    assert denial["overridable"] is True


def test_a_port_that_is_not_known_may_be_that_of_ssh(judged: Judge) -> None:
    marks = {"ingress": [{"from_port": True}]}
    made = unknown(GROUP, marks, ingress=[rule(cidr_blocks=["0.0.0.0/0"])])
    [denial] = of_plan(judged, made)["ssh_to_the_world"]["deny"]
    assert "to the world" in denial["msg"]


@pytest.mark.parametrize(
    "made",
    [
        group(rule(cidr_blocks=["203.0.113.0/24"], ipv6_cidr_blocks=["2001:db8::/48"])),
        group(rule(from_port=443, to_port=443, cidr_blocks=["0.0.0.0/0"])),
        group(rule(protocol="udp", cidr_blocks=["0.0.0.0/0"])),
        group(rule(protocol="icmp", from_port=-1, to_port=-1, cidr_blocks=["0.0.0.0/0"])),
        change("aws_security_group_rule.x", type="egress", **rule(cidr_blocks=["0.0.0.0/0"])),
        firewall(),
        firewall(port_range="443", source_addresses=["0.0.0.0/0", "::/0"]),
        firewall(port_range="8000-9000", source_addresses=["0.0.0.0/0"]),
        firewall(protocol="udp", source_addresses=["0.0.0.0/0"]),
        firewall(protocol="icmp", port_range=None, source_addresses=["0.0.0.0/0"]),
        firewall(source_addresses=["203.0.113.7"]),
    ],
)
def test_ssh_from_a_few_places_and_other_ports_from_everywhere(judged: Judge, made: dict[str, Any]) -> None:
    assert of_plan(judged, made) == {}


def test_ssh_from_a_wide_network_is_pointed_out(judged: Judge) -> None:
    assert of_plan(judged, group(rule(cidr_blocks=["10.0.0.0/8"]))) == {
        "ssh_to_the_world": {
            "warn": [
                {
                    "msg": "aws_security_group.host opens ssh to 10.0.0.0/8.",
                    "address": "aws_security_group.host",
                }
            ]
        }
    }


def test_what_is_destroyed_opens_nothing(judged: Judge) -> None:
    gone = group(rule(cidr_blocks=["0.0.0.0/0"]))
    gone["change"] |= {"actions": ["delete"], "before": gone["change"]["after"], "after": None}
    assert of_plan(judged, gone) == {}


def droplet(**more: Any) -> dict[str, Any]:
    return change("digitalocean_droplet.host", **({"region": "fra1", "tags": ["innkeeper"]} | more))


def test_a_droplet_without_a_firewall(judged: Judge) -> None:
    [denial] = of_plan(judged, droplet())["ssh_to_the_world"]["deny"]
    assert denial["overridable"] is True
    assert of_plan(judged, droplet(), firewall()) == {}


def test_providers_of_a_plan(judged: Judge) -> None:
    other = change("null_resource.x") | {"provider_name": "registry.terraform.io/hashicorp/null"}
    [denial] = of_plan(judged, other)["providers"]["deny"]
    assert "hashicorp/null" in denial["msg"]
    configured = {"x": {"name": "x", "full_name": "evil.example.com/hashicorp/aws"}}
    assert of_plan(judged, configuration={"provider_config": configured})["providers"]["deny"]


def test_regions_of_a_plan(judged: Judge) -> None:
    def of_provider(region: Any) -> Said:
        return of_plan(judged, configuration={"provider_config": {"aws": provider(region)}})

    assert of_provider({"constant_value": "eu-central-1"}) == {}
    [denial] = of_provider({"constant_value": "cn-north-1"})["regions"]["deny"]
    assert not denial.get("overridable")
    [denial] = of_provider({"references": ["local.x"]})["regions"]["deny"]
    assert denial["overridable"] is True
    assert "regions" in of_plan(judged, droplet(region="blr1"), firewall())
    made = droplet(after_unknown={"region": True}, region=None)
    assert list(of_plan(judged, made, firewall())["regions"]) == ["warn"]


def costing(cents: float, currency: str = "USD", kind: str = "apply") -> dict[str, Any]:
    asked = document("plan", Subject(kind, "demo", BLUEPRINT, "T1-U1"), None, plan_document({}))
    return asked | {"cost": {"per_hour_cents": cents, "currency": currency}}


@pytest.mark.parametrize(("branch", "rule"), [("", "warn"), ("feature", "deny")])
def test_a_cost_that_nobody_knows(judged: Judge, branch: str, rule: str) -> None:
    asked = document("plan", subject(branch), None, plan_document({}))
    assert list(judged(asked | {"cost": {"currency": "USD"}})["cost_ceiling"]) == [rule]


def test_the_cost_of_a_lab(judged: Judge) -> None:
    assert judged(costing(100)) == judged(costing(0, "EUR")) == judged(costing(101, kind="destroy")) == {}
    for asked in (costing(100.5), costing(1, "EUR")):
        [denial] = judged(asked)["cost_ceiling"]["deny"]
        assert denial["overridable"] is True


def test_tags_that_are_required(judged: Judge) -> None:
    assert of_plan(judged, change("aws_vpc.x", tags_all=TAGS)) == {}
    [denial] = of_plan(judged, change("aws_vpc.x", tags_all={"lab": "demo"}))["required_tags"]["deny"]
    assert (denial["msg"], denial["overridable"]) == ("aws_vpc.x lacks the tag owner.", True)
    assert list(of_plan(judged, change("aws_vpc.x", after_unknown={"tags_all": True}))["required_tags"]) == [
        "warn"
    ]
    assert of_plan(judged, change("aws_route.x")) == {}
    [denial] = of_plan(judged, droplet(tags=["demo"]), firewall())["required_tags"]["deny"]
    assert denial["overridable"] is True
    assert of_plan(judged, droplet(tags=None), firewall())["required_tags"]["deny"]


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "~/.aws/credentials", "a/../../x", "(known after apply)"]
)
def test_a_resource_that_sends_a_file_of_the_host_away(judged: Judge, path: str) -> None:
    sent = change("aws_s3_object.x", source=path, tags_all=TAGS)
    assert of_plan(judged, sent, branch="feature")["host_files"]["deny"]
    assert of_plan(judged, sent) == {}
    own = change("aws_s3_object.x", source="files/index.html", tags_all=TAGS)
    assert of_plan(judged, own, branch="feature") == {}


def test_what_is_not_in_the_settings_is_not_allowed(judged: Judge, tmp_path: Path) -> None:
    asked = document("plan", subject(), None, plan_document({"resource_changes": [droplet()]}))
    found = judged(asked | {"config": {}})
    assert {"providers", "regions", "cost_ceiling"} <= set(found)


# The shipped blueprints


@pytest.mark.integration
@pytest.mark.parametrize("name", ["aws-ec2", "digitalocean-droplet", "sandbox"])
def test_the_sources_of_the_shipped_blueprints(name: str) -> None:
    blueprint = Catalogue(LABS).blueprints()[name]
    found = facts(blueprint.module)
    assert judge_sources(POLICIES, Subject("apply", "demo", blueprint, "T1-U1"), found).denials == ()
    of_branch = judge_sources(POLICIES, Subject("apply", "demo", blueprint, "T1-U1", branch="x"), found)
    assert {each.policy for each in of_branch.denials} == (
        {"no_provisioner", "host_files"} if name == "sandbox" else set()
    )


AWS = [
    change("aws_vpc.lab", cidr_block="10.77.0.0/24", tags_all=TAGS),
    change("aws_key_pair.operator[0]", key_name="demo", tags_all=TAGS),
    group(
        rule(cidr_blocks=["203.0.113.0/24"]),
        rule(from_port=80, to_port=80, cidr_blocks=["203.0.113.0/24", "0.0.0.0/0"]),
    ),
    change("aws_instance.host", instance_type="t3.micro", tags_all=TAGS),
    change("aws_route_table_association.lab"),
]
BUILTIN = {"provider_name": "terraform.io/builtin/terraform"}
SHIPPED = {
    "aws-ec2": {
        "resource_changes": AWS,
        "configuration": {"provider_config": {"aws": provider({"references": ["var.region"]})}},
        "variables": {"region": {"value": "eu-central-1"}},
    },
    "digitalocean-droplet": {
        "resource_changes": [
            droplet(),
            firewall(),
            change("digitalocean_project.lab", name="demo"),
        ]
    },
    "sandbox": {"resource_changes": [change("terraform_data.host", input={"port": 20000}) | BUILTIN]},
}


@pytest.mark.integration
@pytest.mark.parametrize("name", list(SHIPPED))
def test_the_plans_of_the_shipped_blueprints(name: str) -> None:
    blueprint = Catalogue(LABS).blueprints()[name]
    priced = Subject("apply", "demo", blueprint, "T1-U1", cost_per_hour_cents=0.9, currency="USD")
    verdict = judge_plan(POLICIES, priced, SHIPPED[name])
    assert (verdict.denials, verdict.warnings) == ((), ())
    assert verdict.passed == len(list(POLICIES.glob("*.rego")))
