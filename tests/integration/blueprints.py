"""A catalogue for the tests: small modules of builtin resources, each for one thing that may happen to a lab."""

from __future__ import annotations

import shutil
from pathlib import Path

from bot.playground.house import without_ssh
from commands.engines.openssh import has_client

SANDBOX = Path(__file__).resolve().parents[2] / "labs" / "sandbox"

TWO_ROLES = "approvals: {infra: 1, security: 1}"
OWN_WORD = "approvals: {operator: 1, self: true}"

# name → blueprint.yaml and main.tf
CATALOGUE: dict[str, tuple[str, str]] = {
    "pair": (
        f"""
summary: Two things that two roles approve
variables:
  size: {{default: small, choices: [small, large], help: How much of it}}
  note: {{default: hello, help: Any text}}
cost: {{per_hour: 0.02, currency: USD}}
lifetime: {{ttl: 8h, max: 3d}}
{TWO_ROLES}
""",
        """
variable "size" { type = string }
variable "note" { type = string }
resource "terraform_data" "thing" {
  count = 2
  input = "${var.size} ${var.note} ${count.index}"
}
output "note" { value = var.note }
""",
    ),
    "solo": (
        f"""
summary: One thing that its requester approves
variables:
  number: {{default: 1}}
{OWN_WORD}
""",
        """
variable "number" { type = number }
resource "terraform_data" "thing" { input = var.number }
output "number" { value = terraform_data.thing.output }
""",
    ),
    # In the middle of its apply it adds a line to the file `applied`, and waits for the file `go`.
    "slow": (
        f"""
summary: Two things, the second of which takes its time
variables:
  gate: {{default: "/nonexistent", help: The folder in which it waits for the file go}}
{OWN_WORD}
""",
        """
variable "gate" { type = string }
resource "terraform_data" "first" {}
resource "terraform_data" "second" {
  depends_on       = [terraform_data.first]
  triggers_replace = [var.gate]
  provisioner "local-exec" {
    command     = "echo started >> applied; n=0; while [ ! -e go ] && [ $n -lt 2400 ]; do sleep 0.05; n=$((n+1)); done"
    working_dir = var.gate
  }
}
""",
    ),
    # It says what stands in a file, which somebody may change.
    "watched": (
        f"""
summary: One thing, and a note that lies outside
variables:
  place: {{default: "/nonexistent", help: The folder of the note}}
{OWN_WORD}
""",
        """
variable "place" { type = string }
resource "terraform_data" "thing" {}
output "note" { value = fileexists("${var.place}/note") ? file("${var.place}/note") : "" }
""",
    ),
    # Every way that a module has of giving a secret away.
    "leaky": (
        f"""
summary: It prints its secrets wherever it can
variables:
  api_key: {{vault: "innkeeper/variables/leaky#api_key", help: A key from Vault}}
  word: {{sensitive: true, help: A word from a form}}
  broken: {{default: false, help: Whether the apply fails}}
credentials: {{LEAKY_TOKEN: "innkeeper/providers/leaky#token"}}
{OWN_WORD}
""",
        """
variable "api_key" { sensitive = true }
variable "word" { sensitive = true }
variable "broken" { type = bool }
resource "terraform_data" "copy" {
  input = { key = nonsensitive(var.api_key), word = nonsensitive(var.word) }
  triggers_replace = [var.broken]
  provisioner "local-exec" {
    command = "sh leak.sh"
    environment = {
      KEY    = nonsensitive(var.api_key)
      WORD   = nonsensitive(var.word)
      ENDING = var.broken ? "exit 3" : "true"
    }
  }
  provisioner "local-exec" {
    when        = destroy
    command     = "echo gone with $KEY and $WORD"
    environment = { KEY = self.output.key, WORD = self.output.word }
  }
}
output "key" {
  value     = var.api_key
  sensitive = true
}
output "plain" { value = "the key is ${nonsensitive(var.api_key)}" }
output "encoded" { value = base64encode(nonsensitive(var.word)) }
""",
    ),
    "keyed": (
        f"""
summary: One thing, with keys of every kind
{OWN_WORD}
secure:
  ssh: {{user: root, ttl: 30m}}
  tls: {{domain: lab.test}}
  database: {{role: readonly, ttl: 1h}}
""",
        'resource "terraform_data" "thing" {}\n',
    ),
    "rooted": (
        f"""
summary: One thing that knows the keys of all operators, and one that does not
{OWN_WORD}
""",
        """
variable "trusted_ssh_keys" { type = list(string) }
resource "terraform_data" "keys" { input = var.trusted_ssh_keys }
resource "terraform_data" "thing" {}
output "root_keys" { value = terraform_data.keys.output }
""",
    ),
    "restless": (
        f"""
summary: The same, and something that every plan replaces
{OWN_WORD}
""",
        """
variable "trusted_ssh_keys" { type = list(string) }
resource "terraform_data" "keys" { input = var.trusted_ssh_keys }
resource "terraform_data" "clock" { triggers_replace = [timestamp()] }
""",
    ),
    "guarded": (
        """
summary: One thing that is approved with a second factor
approvals: {infra: 1}
second_factor: true
""",
        'resource "terraform_data" "thing" {}\n',
    ),
    "unplannable": (
        f"""
summary: A module that does not plan
{OWN_WORD}
""",
        """
resource "terraform_data" "thing" {
  input = local.nowhere
}
""",
    ),
    "broken": (
        """
summary: A blueprint with a mistake in its fourth line
lifetime: {ttl: for ever}
""",
        'resource "terraform_data" "thing" {}\n',
    ),
}

LEAK = """\
echo "$KEY"
echo "a word: $WORD"
echo "$LEAKY_TOKEN"
printf %s "$LEAKY_TOKEN" | base64
printf '{"key": "%s"}' "$KEY" >&2
printf %s "$KEY" > "$(mktemp)"
$ENDING
"""


def write(folder: Path) -> Path:
    """The catalogue as files below folder."""
    for name, (blueprint, module) in CATALOGUE.items():
        place = folder / name
        place.mkdir(parents=True)
        (place / "blueprint.yaml").write_text(f"name: {name}{blueprint}")
        (place / "main.tf").write_text(module.lstrip())
    (folder / "leaky" / "leak.sh").write_text(LEAK)
    return folder


def add_sandbox(labs: Path) -> None:
    """The sandbox that we ship, approved by whoever asks for it."""
    place = labs / "sandbox"
    shutil.copytree(SANDBOX, place)
    blueprint = place / "blueprint.yaml"
    text = blueprint.read_text()
    changed = text.replace("approvals: {infra: 1, security: 1}", OWN_WORD)
    assert changed != text
    blueprint.write_text(changed if has_client() else without_ssh(changed))
