"""What a module would read, run and fetch is seen before Terraform sees it, however it is written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from commands.engines.module_sources import module_reading
from commands.engines.module_sources.module_facts import SHAPE, Facts, facts
from commands.engines.terraform.module import OVERRIDE

LABS = Path(__file__).parents[4] / "labs"


def of(folder: Path, **files: str) -> Facts:
    """The facts of a module with these files; `__` in a name is a slash, `_` before the ending a dot."""
    return written(folder, {"main.tf": files["main"]} if set(files) == {"main"} else files)


def written(folder: Path, files: dict[str, str]) -> Facts:
    module = folder / "module"
    for name, text in files.items():
        (module / name).parent.mkdir(parents=True, exist_ok=True)
        (module / name).write_text(text)
    return read(module)


def read(module: Path, root: Path | None = None) -> Facts:
    """As facts() does it, in this process: a child for each of so many files would take its time."""
    found: Any = module_reading.read(module.resolve(), (root or module).resolve())
    return found  # type: ignore[no-any-return]


def names(found: Facts, kind: str, *keys: str) -> list[Any]:
    entries: list[dict[str, Any]] = found[kind]  # type: ignore[literal-required]
    return [each[keys[0]] if len(keys) == 1 else tuple(each[key] for key in keys) for each in entries]


def outside(found: Facts) -> list[str]:
    return [each["call"] for each in found["reads"] if not each["inside"]]


ORDINARY = """
terraform {
  required_version = ">= 1.4"
  required_providers {
    aws   = { source = "hashicorp/aws", version = "~> 5.60" }
    cloud = { source = "registry.example.com/evil/cloud", configuration_aliases = [cloud.other] }
    old   = "~> 1.0"
  }
}

provider "aws" {
  alias  = "here"
  region = var.region
  default_tags {
    tags = { lab = var.lab }
  }
}

variable "region" {
  default = "eu-central-1"
}

resource "aws_instance" "host" {
  provider = aws.here
  ami      = data.aws_ami.ubuntu.id
}

resource "random_pet" "name" {}

data "aws_ami" "ubuntu" {
  owners = ["self"]
}

module "net" {
  source = "./net"
}

output "address" {
  value = aws_instance.host.public_ip
}
"""


def test_an_ordinary_module(tmp_path: Path) -> None:
    found = written(tmp_path, {"main.tf": ORDINARY, "net/main.tf": 'resource "aws_vpc" "lab" {\n}\n'})
    assert found["problems"] == []
    assert found["files"] == ["main.tf", "net/main.tf"]
    assert names(found, "providers", "name", "source", "version") == [
        ("aws", "hashicorp/aws", "~> 5.60"),
        ("cloud", "registry.example.com/evil/cloud", ""),
        ("old", "hashicorp/old", "~> 1.0"),
        ("random", "hashicorp/random", ""),
        ("aws", "hashicorp/aws", ""),  # of the folder net, which requires none
    ]
    assert names(found, "provider_blocks", "name", "arguments", "region") == [
        ("aws", ["alias", "default_tags", "region"], "var.region")
    ]
    assert names(found, "resources", "type", "name") == [
        ("aws_instance", "host"),
        ("random_pet", "name"),
        ("aws_vpc", "lab"),
    ]
    assert names(found, "data", "type", "name") == [("aws_ami", "ubuntu")]
    assert names(found, "modules", "name", "source", "inside") == [("net", "./net", True)]
    assert names(found, "variables", "name") == ["region"]
    assert names(found, "settings", "name") == ["required_version", "required_providers"]
    assert found["provisioners"] == found["reads"] == found["special"] == found["links"] == []


@pytest.mark.integration
def test_what_the_child_says_is_what_is_read_here(tmp_path: Path) -> None:
    found = of(tmp_path, main=ORDINARY)
    assert facts(tmp_path / "module") == found


def test_every_fact_has_the_shape_that_is_told(tmp_path: Path) -> None:
    found = written(
        tmp_path, {"main.tf": ORDINARY, "x.auto.tfvars": "a = 1\n", "broken.tf": "{", "net/main.tf": ""}
    )
    for kind, keys in SHAPE.items():
        for entry in names(found, kind, *(*keys, "file", "line")):
            assert len(entry) == len(keys) + 2
    assert set(found) == {"files", *SHAPE}


@pytest.mark.parametrize("name", ["sandbox", "aws-ec2", "digitalocean-droplet"])
def test_the_shipped_blueprints_can_be_read(name: str) -> None:
    found = read(LABS / name)
    assert found["problems"] == []
    assert found["links"] == found["special"] == []
    known = name != "sandbox"  # which reads its hosts' keys where they lie
    assert (outside(found) == []) == known


# What runs code


@pytest.mark.parametrize(
    "text",
    [
        'resource "null_resource" "x" {\n  provisioner "local-exec" {\n    command = "id"\n  }\n}\n',
        "resource null_resource x {\n  provisioner local-exec {\n    command = 1\n  }\n}\n",
        'removed {\n  from = null_resource.x\n  provisioner "local-exec" {\n    when = destroy\n  }\n}\n',
        'resource "a" "b" {\n  /* one */ provisioner /* two */ "local-exec" /* three */ {\n  }\n}\n',
    ],
)
def test_a_provisioner_is_found(tmp_path: Path, text: str) -> None:
    found = of(tmp_path, main=text)
    assert names(found, "provisioners", "kind") == ["local-exec"] or found["problems"]


def test_a_provisioner_and_its_connection_in_a_module_below(tmp_path: Path) -> None:
    text = (
        'resource "a" "b" {\n  connection {\n    host = "h"\n  }\n  provisioner "remote-exec" {\n'
        '    connection {\n      host = "i"\n    }\n  }\n}\n'
    )
    found = written(tmp_path, {"main.tf": 'module "m" {\n  source = "./deep/er"\n}\n', "deep/er/x.tf": text})
    assert names(found, "provisioners", "kind", "of", "file") == [("remote-exec", "a.b", "deep/er/x.tf")]
    assert names(found, "connections", "of") == ["a.b", "a.b"]


def test_json_is_read_as_well(tmp_path: Path) -> None:
    content = {
        "terraform": [{"backend": {"local": {"path": "/tmp/x"}}, "required_providers": {"a": {"source": "b/c"}}}],
        "resource": {"null_resource": {"x": {"provisioner": [{"local-exec": {"command": "id"}}]}}},
        "data": [{"external": {"y": {"program": ["id"]}}}],
        "check": {"c": {"data": {"http": {"z": {"url": "${file(\"/etc/passwd\")}"}}}}},
        "module": {"m": {"source": "git::https://example.com/x"}},
    }  # fmt: skip
    found = written(tmp_path, {"main.tf.json": json.dumps(content)})
    assert found["problems"] == []
    assert names(found, "provisioners", "kind", "of") == [("local-exec", "null_resource.x")]
    assert names(found, "data", "type") == ["external", "http"]
    assert names(found, "settings", "name") == ["backend", "required_providers"]
    assert names(found, "modules", "source", "inside") == [("git::https://example.com/x", False)]
    assert outside(found) == ['file("/etc/passwd")']


@pytest.mark.parametrize(
    "text",
    [
        '{"data": {"external": {"x": {}}}, "data": {}}',
        '[{"data": {"external": {"x": {}}}}]',
        '{"data": ',
        "null",
        "\ufeff{}",
        "[" * 100_000,
    ],
)
def test_json_that_may_be_read_in_two_ways_is_a_problem(tmp_path: Path, text: str) -> None:
    assert written(tmp_path, {"main.tf.json": text})["problems"]


def test_names_in_json_are_read_as_what_they_mean(tmp_path: Path) -> None:
    text = '{"data": {"\\u0065xternal": {"x": {}}}, "locals": {"a": "${\\u0066ile(\\"/etc/passwd\\")}"}}'
    found = written(tmp_path, {"x.tofu.json": text})
    assert names(found, "data", "type") == ["external"]
    assert outside(found) == ['file("/etc/passwd")']


@pytest.mark.parametrize(
    ("region", "told"),
    [
        ('"eu-west-1"', "eu-west-1"),
        ("var.region", "var.region"),
        ('"${var.a}-1"', "?"),
        ("lower(var.a)", "?"),
    ],
)
def test_the_region_of_a_provider_as_it_is_written(tmp_path: Path, region: str, told: str) -> None:
    found = of(tmp_path, main=f'provider "aws" {{\n  region = {region}\n}}\n')
    assert names(found, "provider_blocks", "region") == [told]


def test_data_that_stands_in_a_check_and_ephemeral_resources(tmp_path: Path) -> None:
    text = 'check "c" {\n  data "http" "x" {\n  }\n}\nephemeral "aws_lambda_invocation" "y" {\n}\n'
    found = of(tmp_path, main=text)
    assert names(found, "data", "type", "name") == [("http", "x")]
    assert names(found, "ephemeral", "type") == ["aws_lambda_invocation"]
    assert names(found, "providers", "source") == ["hashicorp/http", "hashicorp/aws"]


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ('terraform {\n  backend "s3" {\n  }\n}\n', "backend"),
        ("terraform {\n  cloud {\n  }\n}\n", "cloud"),
        ('terraform {\n  provider_meta "aws" {\n  }\n}\n', "provider_meta"),
        ('terraform {\n  encryption {\n    key_provider "external" "x" {\n    }\n  }\n}\n', "encryption"),
        ('terraform {\n  state_store "x" {\n  }\n}\n', "state_store"),
        ("terraform {\n  experiments = [x]\n}\n", "experiments"),
    ],
)
def test_settings_of_terraform_itself(tmp_path: Path, text: str, setting: str) -> None:
    assert names(of(tmp_path, main=text), "settings", "name") == [setting]


def test_blocks_that_nobody_knows_yet(tmp_path: Path) -> None:
    found = of(tmp_path, main='action "local_command" "x" {\n}\nimport {\n  to = a.b\n  id = "1"\n}\n')
    assert names(found, "blocks", "type", "line") == [("action", 1)]
    assert names(found, "imports", "to") == ["${a.b}"]


def test_a_block_with_a_name_that_is_put_together_is_a_problem(tmp_path: Path) -> None:
    assert of(tmp_path, main='data "\\u0065xternal" "x" {\n}\n')["problems"]


# What reads the host


OUTSIDE = [
    'file("/etc/passwd")',
    'file("~/.ssh/id_ed25519")',
    'file("../../vault-token")',
    'file("${path.module}/../x")',
    'file("${path.module}x")',
    'file("${path.root}/../x")',
    'file("${path.cwd}/../x")',
    'file("${"/etc"}/passwd")',
    'file("x\\u002f..\\u002f..")',
    "file(var.name)",
    "file(local.a[0])",
    'file(join("/", ["", "etc", "passwd"]))',
    'file(true ? "/etc/passwd" : "x")',
    'file("x/.terraform/terraform.tfstate")',
    'file(".terraform/terraform.tfstate")',
    'file(["a"]...)',
    'filebase64("/etc/passwd")',
    'filesha256("/etc/passwd")',
    'fileexists("/etc/passwd")',
    'fileset("/etc", "*")',
    'fileset(".", "../*")',
    'fileset("x", var.pattern)',
    'templatefile("/etc/passwd", {})',
    'templatefile("none.tpl", {})',
    'templatefile("in.tpl", var.all)',
    'templatefile("in.tpl", {(local.k) = "/etc"})',
    'templatestring(local.text, {})',
    'upper(lower(file("/etc/passwd")))',
    '"a ${file("/etc/passwd")} b"',
    '"%{ if fileexists("/etc/passwd") }x%{ endif }"',
    '[for f in ["/etc/passwd"] : file(f)]',
    '<<EOT\nx ${file("/etc/passwd")}\nEOT',
    '<<-EOT\n  x %{ for l in split(",", file("/etc/passwd")) }${l}%{ endfor }\n  EOT',
    '<<EOT\n${\nfile(\n"/etc/passwd"\n)\n}\nEOT',
    'file /* one */ ("/etc/passwd")',
    '(\nfile\n("/etc/passwd"))',
    'core::file("/etc/passwd")',
]  # fmt: skip


@pytest.mark.parametrize("expression", OUTSIDE)
def test_a_file_of_the_host_is_not_read_unseen(tmp_path: Path, expression: str) -> None:
    text = f"locals {{\n  x = {expression}\n}}\n"
    found = written(tmp_path, {"main.tf": text, "in.tpl": "hello"})
    assert outside(found) or found["problems"]


INSIDE = [
    'file("x.txt")',
    'file("./sub/x.txt")',
    'file("sub/../x.txt")',
    'file("${path.module}/x.txt")',
    'file("${path.root}/x.txt")',
    'fileset("${path.module}/sub", "**/*.txt")',
    'fileset(path.module, "*.txt")',
    'templatefile("in.tpl", {name = "x", hosts = "${path.module}/sub"})',
    'templatefile("in.tpl", {name = file("x.txt"), hosts = "sub"})',
    '<<EOT\nx ${file("${path.module}/x.txt")} $${not_a_template}\nEOT',
]


@pytest.mark.parametrize("expression", INSIDE)
def test_a_file_of_the_module_may_be_read(tmp_path: Path, expression: str) -> None:
    text = f"locals {{\n  x = {expression}\n}}\n"
    template = '${name} $${x} 100% %{ if name != "" }${file("${hosts}/x.txt")}%{ endif ~}\n'
    found = written(tmp_path, {"main.tf": text, "in.tpl": template, "x.txt": "", "sub/x.txt": ""})
    assert found["problems"] == []
    assert outside(found) == []
    assert found["reads"]


@pytest.mark.parametrize(
    "template",
    [
        '${file("/etc/passwd")}',
        '${file("${hosts}/../../passwd")}',
        '${file("${other}/passwd")}',
        '%{ for hosts in ["/etc"] }${file("${hosts}/passwd")}%{ endfor }',
        '${join("", [for hosts in ["/etc"] : file("${hosts}/passwd")])}',
        '${file("${path.module}/x")}',
        '${file("${hosts}/passwd"',
        '$$${file("${hosts}/passwd")}',
        "${templatestring(hosts, {})}",
    ],
)
def test_what_a_template_reads_in_its_turn(tmp_path: Path, template: str) -> None:
    text = 'locals {\n  x = templatefile("in.tpl", {hosts = "sub"})\n}\n'
    found = written(tmp_path, {"main.tf": text, "in.tpl": template})
    assert outside(found) or found["problems"]


def test_a_module_below_reads_relative_to_itself_and_to_where_terraform_runs(tmp_path: Path) -> None:
    text = 'locals {\n  a = file("${path.module}/../x")\n  b = file("../x")\n  c = file("deep/x")\n}\n'
    found = written(
        tmp_path, {"main.tf": 'module "m" {\n  source = "./deep"\n}\n', "deep/main.tf": text, "x": ""}
    )
    assert outside(found) == ['file("../x")']


def test_functions_are_named_once_with_their_place(tmp_path: Path) -> None:
    text = 'locals {\n  a = upper("x")\n  b = upper("y")\n  c = provider::local::direxists("/etc")\n}\n'
    assert names(of(tmp_path, main=text), "functions", "name", "line") == [
        ("upper", 2),
        ("provider::local::direxists", 4),
    ]


# What one reader sees and the other does not


@pytest.mark.parametrize(
    "text",
    [
        # Go takes a marker with spaces after it for the end, python-hcl2 does not.
        'locals {\n  a = <<EOT\nx\nEOT  \n}\ndata "external" "x" {\n}\nlocals {\n  b = <<EOT\nEOT\n}\n',
        'locals {\n  a = <<EOT\nx\nEOT\t\n}\nmodule "x" {\n source = "git::x"\n}\nlocals {\n  b = <<EOT\nEOT\n}\n',
        # python-hcl2's quoted texts go on over lines.
        'locals {\n  a = "\n}\ndata "external" "x" {\n}\nlocals {\n  b = "\n}\n',
        # For it an escaped interpolation goes on to the next brace.
        'locals {\n  a = "$${"\n}\ndata "external" "x" {\n}\n',
        'resource "a" "b" {\n  a = "$${"\n  provisioner "local-exec" {\n  command = "}"\n}\n}\n',
        '/*\ndata "external" "x" {\n}\n*/\n',
        'locals {\n  a = 1 # x\rdata "external" "x" {\n}\n',
        "locals {\n  a = <<EOT\nx\n\x1cEOT\n}\n",
        "locals {\n  a = 1\n\x00}\n",
        'locals {\n  a = 1\n  a = file("x")\n}\n',
        'locals {\n  a = <<EOT\n${"x" == (\nEOT\n)}\nEOT\n}\n',
    ],
)
def test_what_may_be_read_in_two_ways_is_a_problem(tmp_path: Path, text: str) -> None:
    assert of(tmp_path, main=text)["problems"]


@pytest.mark.integration
@pytest.mark.parametrize(
    "text",
    [
        "a " + "{\n" * 100_000,
        "a = " + "[" * 100_000,
        "a {\n" * 20_000 + "}\n" * 20_000,
        "# " + "x" * 10 * 1024 * 1024,
        "locals {",
        'locals {\n  a = "é" == é\n}\n',
    ],
    ids=["braces", "brackets", "blocks", "large", "unclosed", "unicode"],
)
def test_what_does_not_parse_is_a_problem(tmp_path: Path, text: str) -> None:
    (tmp_path / "main.tf").write_text(text)
    [*found] = facts(tmp_path)["problems"]
    assert found[0]["file"] in ("main.tf", "")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "main.tf").write_bytes(b'locals {\n  a = "\xff\xfe"\n}\n')
    assert names(read(tmp_path / "module"), "problems", "file", "problem") == [("main.tf", "it is not UTF-8")]


def test_more_than_anybody_would_review(tmp_path: Path) -> None:
    found = written(tmp_path, {f"x{number}.tf": "# " + "x" * 250_000 for number in range(6)})
    assert "there are more than 1024 KB of Terraform files" in names(found, "problems", "problem")


# What lies beside


def test_links_are_told_of_and_not_followed(tmp_path: Path) -> None:
    module = tmp_path / "module"
    module.mkdir()
    (tmp_path / "secret.tf").write_text('data "external" "x" {\n}\n')
    (module / "main.tf").symlink_to("../secret.tf")
    (module / "sub").symlink_to("/etc")
    (module / "own").symlink_to(".")
    found = read(module)
    assert names(found, "links", "file", "target", "inside") == [
        ("main.tf", "../secret.tf", False),
        ("own", ".", True),
        ("sub", "/etc", False),
    ]
    assert found["data"] == []


def test_what_is_neither_a_file_nor_a_folder(tmp_path: Path) -> None:
    (tmp_path / "module").mkdir()
    os.mkfifo(tmp_path / "module" / "main.tf")
    assert names(read(tmp_path / "module"), "problems", "file") == ["main.tf"]


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("override.tf", "override"),
        ("x_override.tf.json", "override"),
        ("override.tofu", "override"),
        ("terraform.tfvars", "values"),
        ("x.auto.tfvars.json", "values"),
        ("terraform.tfstate", "state"),
        (".terraformrc", "settings"),
        ("tests/x.tftest.hcl", "tests"),
        ("x.tfquery.hcl", "tests"),
        (".terraform/modules/modules.json", "state"),
    ],
)
def test_files_that_are_loaded_without_being_asked_for(tmp_path: Path, file: str, kind: str) -> None:
    found = written(tmp_path, {file: "{}", "main.tf": "", ".terraform.lock.hcl": ""})
    assert names(found, "special", "kind") == [kind]


def test_what_is_ours_in_a_staged_module_is_no_fact(tmp_path: Path) -> None:
    found = written(tmp_path, {OVERRIDE: '{"terraform": {"backend": {"http": {}}}}', "main.tf": ""})
    assert found["special"] == found["settings"] == []
    below = written(tmp_path, {f"sub/{OVERRIDE}": '{"terraform": {"backend": {"http": {}}}}'})
    assert names(below, "settings", "name") == ["backend"]


@pytest.mark.parametrize(
    "source",
    [
        "git::https://example.com/x.git",
        "github.com/someone/x",
        "hashicorp/consul/aws",
        "https://example.com/x.zip",
        "/etc",
        "../../outside",
        "./missing",
        "./link",
        "./sub//../..",
        "${var.where}",
        ".\\u002f..",
    ],
)
def test_a_module_from_elsewhere(tmp_path: Path, source: str) -> None:
    (tmp_path / "module" / "sub").mkdir(parents=True)
    (tmp_path / "module" / "link").symlink_to("/etc")
    found = of(tmp_path, main=f'module "m" {{\n  source = "{source}"\n}}\n')
    assert names(found, "modules", "name", "inside") == [("m", False)]


def test_a_module_beside_the_planned_one_is_read_too(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    (root / "labs" / "web").mkdir(parents=True)
    (root / "shared").mkdir()
    (root / "labs" / "web" / "main.tf").write_text('module "m" {\n  source = "../../shared"\n}\n')
    text = 'data "external" "x" {\n}\nlocals {\n  a = file("../../shared/x")\n  b = file("../../../x")\n}\n'
    (root / "shared" / "main.tf").write_text(text)
    found = read(root / "labs" / "web", root)
    assert names(found, "modules", "inside") == [True]
    assert names(found, "data", "type", "file") == [("external", "shared/main.tf")]
    assert outside(found) == ['file("../../../x")']
    assert names(read(root / "labs" / "web"), "modules", "inside") == [False]


def test_two_modules_that_call_each_other(tmp_path: Path) -> None:
    text = 'module "m" {\n  source = "../web"\n}\nmodule "n" {\n  source = "../b"\n}\n'
    for name in ("web", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.tf").write_text(text)
    assert read(tmp_path / "web", tmp_path)["files"] == ["web/main.tf", "b/main.tf"]


@pytest.mark.integration
def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    assert facts(tmp_path / "none")["problems"]
