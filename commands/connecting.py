"""`/lab connect`: what a consumer of a lab needs, once. With it one logs in to Vault, and reads what it publishes."""

from __future__ import annotations

from dataclasses import replace

from commands.credentials import WAITS, in_wrapping, reveal_buttons
from commands.deps import Deps
from commands.engines.vault.places import (
    CONSUMER_MAX_SECONDS,
    LABS_FOLDER,
    LABS_MOUNT,
    OPERATORS_MOUNT,
    lab_role_id,
)
from commands.forms import connect_form
from commands.grammar import assignments
from commands.grants.issuing import Issued, checked_seconds, issue, lab_for_keys
from commands.lifetime.extending import living
from commands.offers import offers_of
from commands.request import Attachment, Outcome, Refused, Request
from commands.words import at, duration, listed
from state import labs
from state.records import Grant, Lab

_OFFERED = 100  # labs that the form looks at, the newest


def connect(request: Request, deps: Deps) -> Outcome:
    """`/lab connect NAME [ttl=8h]`: a secret id behind `Reveal once`, and how to use it in a file without secrets.

    Alone: a form.
    """
    if len(request.words) == 2:
        return Outcome(form=connect_form.form(_publishing(request, deps)))
    values, asked_seconds, rest = assignments(request.words[2:], "/lab connect demo ttl=8h")
    if values or len(rest) != 1:
        raise Refused("Say to which lab.", "/lab connect demo")
    lab, blueprint = lab_for_keys(request, deps, rest[0])
    if not blueprint.publish:
        raise Refused(
            f"*{lab.name}* publishes nothing: its blueprint `{lab.blueprint}` has no `integrate: {{publish: […]}}`.",
            f"/lab output {lab.name}",
        )
    published = deps.vault.lab_secret(lab.name)
    if published is None:
        raise Refused(f"*{lab.name}* has not published anything yet.", f"/lab show {lab.name}")
    ttl_seconds = checked_seconds(asked_seconds, connect_form.most_seconds(lab), f"/lab connect {lab.name}")

    def ask(token: str, grant: Grant) -> Issued:
        wrapped = deps.vault.lab_secret_id(lab.name, request.person, grant.id, ttl_seconds)
        return in_wrapping(deps, grant, wrapped)

    role_id = lab_role_id(lab.name, lab.id)
    grant = issue(request, deps, lab, "connect", role_id, ttl_seconds, ask)
    names = sorted(name for name in published if not name.startswith("vault_"))
    return Outcome(
        f"One consumer of *{lab.name}* may read {listed([f'`{name}`' for name in names])} at "
        f"`{_path(lab)}` in Vault, until {at(grant.expires_at)} or until the lab goes. It logs in with the "
        f"role id `{role_id}` and a secret id, which waits here. {WAITS} How to use both is in the file that I sent "
        "you directly; no secret is in it.",
        buttons=reveal_buttons(grant),
        attachment=Attachment(f"connect-{lab.name}.md", how_to(deps, lab, names, published)),
    )


def connect_to_lab(request: Request, deps: Deps) -> Outcome:
    """The `Connect` button. Its value is LAB."""
    lab = living(deps, request.words[1])
    return connect(replace(request, words=("lab", "connect", lab.name)), deps)


def connect_by(request: Request, deps: Deps) -> Outcome:
    """That form came back."""
    lab = living(deps, request.form.get("lab", ""))
    return connect(replace(request, words=connect_form.words_of(lab, request.form)), deps)


def _publishing(request: Request, deps: Deps) -> list[Lab]:
    """The labs that this person may let a consumer into, the newest first. Raises Refused where there is none."""
    everybodys = request.operator is not None and "infra" in request.operator.roles
    kind = labs.Kind() if everybodys else labs.Kind(owner=request.person)
    found = [
        lab
        for lab in labs.page(deps.database, kind, _OFFERED)
        if lab.applied_at is not None and lab.asleep_at is None and offers_of(deps, lab).publish
    ]
    if not found:
        whose = "" if everybodys else " of yours"
        raise Refused(
            f"No lab{whose} publishes anything now, so there is nothing to connect to.", "/lab list"
        )
    return found


def how_to(deps: Deps, lab: Lab, names: list[str], published: dict[str, object]) -> str:
    """An `.env`, and what to do with it in Python, a shell and Terraform. Nothing in it is secret."""
    role_id, first = lab_role_id(lab.name, lab.id), names[0]
    vault = {"VAULT_ADDR": deps.vault.address, "VAULT_NAMESPACE": deps.vault.namespace}
    env = "\n".join(f"{name}={value}" for name, value in vault.items() if value)
    namespace = ', namespace=os.environ["VAULT_NAMESPACE"]' if deps.vault.namespace else ""
    parts = [
        f"# A consumer of {lab.name}",
        f"It logs in to Vault, and reads {listed(names)} at `{_path(lab)}`. The login works for "
        f"{duration(CONSUMER_MAX_SECONDS)}; then, or when Vault says *permission denied*, it logs in again.",
        "## .env\nThe secret id is what `Reveal once` shows. Keep this file out of git, and readable by you alone.",
        f"```sh\n{env}\nVAULT_ROLE_ID={role_id}\nVAULT_SECRET_ID=\n```",
        f"## Python\n```python\n{_PYTHON.format(lab=lab.name, first=first, namespace=namespace)}{_more(published)}```",
        f"## Shell\n`bao` does as well as `vault`.\n```sh\n{_SHELL.format(lab=lab.name, first=first)}```",
        "## Terraform\nWhat it reads lies in its state: keep that where you keep secrets.\n"
        f"```hcl\n{_TERRAFORM.format(lab=lab.name, first=first, role_id=role_id, address=deps.vault.address)}```",
    ]
    return "\n\n".join(parts) + "\n"


def _path(lab: Lab) -> str:
    return f"{OPERATORS_MOUNT}/{LABS_FOLDER}/{lab.name}"


def _more(published: dict[str, object]) -> str:
    """How it comes to a database user of its own, where the lab has those."""
    path = str(published.get("vault_database", ""))
    if not path:
        return ""
    return f'\nuser = vault.read("{path}")["data"]  # its username and password, for as long as the login works\n'


_PYTHON = f"""\
import os

import hvac  # pip install hvac

vault = hvac.Client(os.environ["VAULT_ADDR"]{{namespace}})
vault.auth.approle.login(
    os.environ["VAULT_ROLE_ID"], os.environ["VAULT_SECRET_ID"], mount_point="{LABS_MOUNT}"
)
answer = vault.secrets.kv.v2.read_secret_version(
    "{LABS_FOLDER}/{{lab}}", mount_point="{OPERATORS_MOUNT}", raise_on_deleted_version=True
)
lab = answer["data"]["data"]
print(lab["{{first}}"])
"""

_SHELL = f"""\
set -a; . ./.env; set +a
VAULT_TOKEN=$(printf %s "$VAULT_SECRET_ID" | \\
  vault write -field=token auth/{LABS_MOUNT}/login role_id="$VAULT_ROLE_ID" secret_id=-)
export VAULT_TOKEN
vault kv get -mount={OPERATORS_MOUNT} -field={{first}} {LABS_FOLDER}/{{lab}}
"""

_TERRAFORM = f"""\
variable "vault_secret_id" {{{{
  type      = string
  sensitive = true
}}}}

provider "vault" {{{{
  address          = "{{address}}"
  skip_child_token = true

  auth_login {{{{
    path       = "auth/{LABS_MOUNT}/login"
    parameters = {{{{ role_id = "{{role_id}}", secret_id = var.vault_secret_id }}}}
  }}}}
}}}}

data "vault_kv_secret_v2" "{{lab}}" {{{{
  mount = "{OPERATORS_MOUNT}"
  name  = "{LABS_FOLDER}/{{lab}}"
}}}}

output "{{first}}" {{{{
  value     = data.vault_kv_secret_v2.{{lab}}.data["{{first}}"]
  sensitive = true
}}}}
"""
