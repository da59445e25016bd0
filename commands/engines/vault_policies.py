"""The policies that `innkeeper init` writes into Vault: each names its paths, with the least they need."""

from __future__ import annotations

import re
from collections.abc import Iterable

from commands.engines.vault_places import (
    BLUEPRINTS_POLICY,
    BOT_POLICY,
    DATABASE_MOUNT,
    GRANT_POLICY,
    KRL_KEY,
    OPERATOR_POLICY,
    OPERATORS_MOUNT,
    PKI_MOUNT,
    SSH_BOT_ROLE,
    SSH_GRANT_POLICY,
    SSH_MOUNT,
    SSH_ROLE,
    SSH_TOKEN_ROLE,
    TOKEN_ROLE,
    TOTP_MOUNT,
    TRANSIT_KEY,
    TRANSIT_MOUNT,
)

BOT = f"""\
# What Innkeeper itself may do. Written by `innkeeper init`, which restores it.

# who the operators are
path "{OPERATORS_MOUNT}/data/operators/*" {{
  capabilities = ["create", "update", "read"]
}}
path "{OPERATORS_MOUNT}/metadata/operators/" {{
  capabilities = ["list"]
}}
path "{OPERATORS_MOUNT}/metadata/operators/*" {{
  capabilities = ["read", "delete"]
}}

# what signs that somebody pushed to the catalogue
path "{OPERATORS_MOUNT}/data/catalogue" {{
  capabilities = ["read"]
}}

# the key under which plans and Terraform states are kept
path "{TRANSIT_MOUNT}/datakey/plaintext/{TRANSIT_KEY}" {{
  capabilities = ["update"]
}}
path "{TRANSIT_MOUNT}/decrypt/{TRANSIT_KEY}" {{
  capabilities = ["update"]
}}

# a person's token for one grant, which issues; the end of it, which revokes
path "auth/token/create/{TOKEN_ROLE}" {{
  capabilities = ["create", "update"]
}}
path "auth/token/create/{SSH_TOKEN_ROLE}" {{
  capabilities = ["create", "update"]
}}
path "auth/token/revoke-accessor" {{
  capabilities = ["update"]
}}
path "{PKI_MOUNT}/revoke" {{
  capabilities = ["update"]
}}

# its own ssh certificates, which live for minutes: it deploys, and looks whether a lab works
path "{SSH_MOUNT}/sign/{SSH_BOT_ROLE}" {{
  capabilities = ["update"]
}}

# what is published: whom the hosts trust, and what is revoked
path "{SSH_MOUNT}/config/ca" {{
  capabilities = ["read"]
}}
path "{PKI_MOUNT}/cert/ca" {{
  capabilities = ["read"]
}}
path "{PKI_MOUNT}/cert/crl" {{
  capabilities = ["read"]
}}
path "{PKI_MOUNT}/crl/rotate" {{
  capabilities = ["read"]
}}
path "{TRANSIT_MOUNT}/sign/{KRL_KEY}" {{
  capabilities = ["update"]
}}
path "{TRANSIT_MOUNT}/keys/{KRL_KEY}" {{
  capabilities = ["read"]
}}

# which databases there are, without their passwords
path "{DATABASE_MOUNT}/roles/+" {{
  capabilities = ["read"]
}}

# second factors: made, checked and removed, and no code ever read
path "{TOTP_MOUNT}/keys/+" {{
  capabilities = ["create", "update", "read", "delete"]
}}
path "{TOTP_MOUNT}/code/+" {{
  capabilities = ["create", "update"]
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
path "{OPERATORS_MOUNT}/data/providers/*" {{
  capabilities = ["read"]
}}
path "{OPERATORS_MOUNT}/data/variables/*" {{
  capabilities = ["read"]
}}
"""

_OWN = "{{identity.entity.metadata.slack_team}}-{{identity.entity.metadata.slack_user}}"

OPERATOR = f"""\
# For people: an operator reads their own document, and no other, which is how they prove who they are to
# /tfstate. Their Vault entity needs the metadata slack_team and slack_user.
path "{OPERATORS_MOUNT}/data/operators/{_OWN}" {{
  capabilities = ["read"]
}}
"""

GRANT = f"""\
# One person's token for one grant: the one credential that it is made for, and not even a look at itself.
path "{PKI_MOUNT}/issue/+" {{
  capabilities = ["update"]
}}
path "{PKI_MOUNT}/sign/+" {{
  capabilities = ["update"]
}}
path "{DATABASE_MOUNT}/creds/+" {{
  capabilities = ["read"]
}}
"""

SSH_GRANT = f"""\
# One person's token for one ssh certificate, good for a minute.
path "{SSH_MOUNT}/sign/{SSH_ROLE}" {{
  capabilities = ["update"]
}}
"""

# name → text, and whether a text that somebody changed is put back
POLICIES = {
    BOT_POLICY: (BOT, True),
    BLUEPRINTS_POLICY: (BLUEPRINTS, False),
    OPERATOR_POLICY: (OPERATOR, True),
    GRANT_POLICY: (GRANT, True),
    SSH_GRANT_POLICY: (SSH_GRANT, True),
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
