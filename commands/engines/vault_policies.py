"""The policies that `innkeeper init` writes into Vault: each names its paths, with the least they need."""

from __future__ import annotations

import re
from collections.abc import Iterable

from commands.engines.vault import BLUEPRINTS_POLICY, TRANSIT_KEY, TRANSIT_MOUNT
from commands.engines.vault_operators import MOUNT

BOT_POLICY = "innkeeper-bot"
OPERATOR_POLICY = "innkeeper-operator"

BOT = f"""\
# What Innkeeper itself may do. Written by `innkeeper init`, which restores it.

# who the operators are
path "{MOUNT}/data/operators/*" {{
  capabilities = ["create", "update", "read"]
}}
path "{MOUNT}/metadata/operators/" {{
  capabilities = ["list"]
}}
path "{MOUNT}/metadata/operators/*" {{
  capabilities = ["read", "delete"]
}}

# the key under which plans and Terraform states are kept
path "{TRANSIT_MOUNT}/datakey/plaintext/{TRANSIT_KEY}" {{
  capabilities = ["update"]
}}
path "{TRANSIT_MOUNT}/decrypt/{TRANSIT_KEY}" {{
  capabilities = ["update"]
}}

# its own token
path "auth/token/lookup-self" {{
  capabilities = ["read"]
}}
path "auth/token/renew-self" {{
  capabilities = ["update"]
}}
"""

BLUEPRINTS = f"""\
# Which secrets a blueprint may name in `credentials` and `vault:`. Yours: `innkeeper init` only adds the paths
# that the blueprints of LABS_PATH name and that are not here yet.
path "{MOUNT}/data/providers/*" {{
  capabilities = ["read"]
}}
path "{MOUNT}/data/variables/*" {{
  capabilities = ["read"]
}}
"""

_OWN = "{{identity.entity.metadata.slack_team}}-{{identity.entity.metadata.slack_user}}"

OPERATOR = f"""\
# For people: an operator reads their own document, and no other, which is how they prove who they are to
# /tfstate. Their Vault entity needs the metadata slack_team and slack_user.
path "{MOUNT}/data/operators/{_OWN}" {{
  capabilities = ["read"]
}}
"""

# name → text, and whether a text that somebody changed is put back
POLICIES = {
    BOT_POLICY: (BOT, True),
    BLUEPRINTS_POLICY: (BLUEPRINTS, False),
    OPERATOR_POLICY: (OPERATOR, True),
}


def with_reads(text: str, references: Iterable[str]) -> str:
    """The policy, with a line for each `MOUNT/PATH#FIELD` that it does not let be read yet."""
    for reference in sorted(set(references)):
        mount, _, path = reference.partition("#")[0].partition("/")
        wanted = f"{mount}/data/{path}"
        if not any(_covers(named, wanted) for named in re.findall(r'^path "([^"]+)"', text, re.MULTILINE)):
            text += f'path "{wanted}" {{\n  capabilities = ["read"]\n}}\n'
    return text


def _covers(named: str, wanted: str) -> bool:
    return named == wanted or (named.endswith("*") and wanted.startswith(named[:-1]))
