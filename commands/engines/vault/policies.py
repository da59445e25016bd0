"""The policies that `innkeeper init` writes into Vault: each names its paths, with the least they need."""

from __future__ import annotations

import re
from collections.abc import Iterable

from commands.engines.vault import agent_policies as vault_agent_policies
from commands.engines.vault.places import (
    AGENT_POLICY,
    BLUEPRINTS_POLICY,
    BOT_POLICY,
    DATABASE_MOUNT,
    GRANT_POLICY,
    KRL_KEY,
    LAB_POLICY,
    LABS_FOLDER,
    LABS_MOUNT,
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
    WRAPPING_SECONDS,
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

# what each lab publishes, for its own consumers
path "{OPERATORS_MOUNT}/data/{LABS_FOLDER}/*" {{
  capabilities = ["create", "update", "read"]
}}
path "{OPERATORS_MOUNT}/metadata/{LABS_FOLDER}/" {{
  capabilities = ["list"]
}}
path "{OPERATORS_MOUNT}/metadata/{LABS_FOLDER}/*" {{
  capabilities = ["delete"]
}}

# how they log in: an AppRole for each lab, under the one policy that `innkeeper init` wrote and under no other.
# Secret ids exist in their wrapping alone, so that the bot does not see them.
path "auth/{LABS_MOUNT}/role/+" {{
  capabilities = ["create", "update", "delete"]
  allowed_parameters = {{
    "token_policies" = ["{LAB_POLICY}"]
    "token_no_default_policy" = [true]
    "token_type" = ["service"]
    "bind_secret_id" = [true]
    "token_ttl" = []
    "token_max_ttl" = []
    "role_id" = []
  }}
}}
path "auth/{LABS_MOUNT}/role/+/role-id" {{
  capabilities = ["read"]
}}
path "auth/{LABS_MOUNT}/role/+/secret-id" {{
  capabilities = ["create", "update"]
  min_wrapping_ttl = "1s"
  max_wrapping_ttl = "{WRAPPING_SECONDS}s"
  allowed_parameters = {{
    "metadata" = []
    "ttl" = []
  }}
}}
path "auth/{LABS_MOUNT}/role/+/secret-id/" {{
  capabilities = ["list"]
}}
path "auth/{LABS_MOUNT}/role/+/secret-id-accessor/lookup" {{
  capabilities = ["create", "update"]
}}
path "auth/{LABS_MOUNT}/role/+/secret-id-accessor/destroy" {{
  capabilities = ["create", "update"]
}}

# the end of what they logged in as. It can find no other identity than theirs, and so remove no other.
path "identity/lookup/entity" {{
  capabilities = ["create", "update"]
  allowed_parameters = {{
    "alias_mount_accessor" = ["@LABS_ACCESSOR@", "@AGENTS_ACCESSOR@"]
    "alias_name" = []
  }}
}}
path "identity/entity/id/+" {{
  capabilities = ["delete"]
}}

# the data stores of labs, which are called lab-LAB, and their roles, lab-LAB.ROLE. Their users are made by others.
path "{DATABASE_MOUNT}/config/lab-*" {{
  capabilities = ["create", "update", "read", "delete"]
  allowed_parameters = {{
    "plugin_name" = ["postgresql-database-plugin"]
    "connection_url" = []
    "username" = []
    "password" = []
    "password_authentication" = ["scram-sha-256"]
    "allowed_roles" = []
  }}
}}
path "{DATABASE_MOUNT}/rotate-root/lab-*" {{
  capabilities = ["create", "update"]
}}
path "{DATABASE_MOUNT}/roles/lab-*" {{
  capabilities = ["create", "update", "read", "delete"]
  allowed_parameters = {{
    "db_name" = ["lab-*"]
    "creation_statements" = []
    "revocation_statements" = []
    "default_ttl" = []
    "max_ttl" = []
  }}
}}
path "sys/leases/revoke-prefix/{DATABASE_MOUNT}/creds/lab-*" {{
  capabilities = ["update", "sudo"]
}}
path "sys/leases/revoke-force/{DATABASE_MOUNT}/creds/lab-*" {{
  capabilities = ["update", "sudo"]
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

_LAB = "{{identity.entity.aliases.@LABS_ACCESSOR@.metadata.role_name}}"

LAB = f"""\
# Of every lab's AppRole: whoever logs in with it reads what that lab has, and nothing of another. Which lab that is
# says the name of the AppRole, which Vault itself puts in here.
path "{OPERATORS_MOUNT}/data/{LABS_FOLDER}/{_LAB}" {{
  capabilities = ["read"]
}}
path "{OPERATORS_MOUNT}/data/{LABS_FOLDER}/{_LAB}/tls" {{
  capabilities = ["read"]
}}
path "{DATABASE_MOUNT}/creds/lab-{_LAB}.*" {{
  capabilities = ["read"]
}}
path "{DATABASE_MOUNT}/creds/{_LAB}.*" {{
  capabilities = ["read"]
}}
path "auth/token/lookup-self" {{
  capabilities = ["read"]
}}
path "auth/token/renew-self" {{
  capabilities = ["update"]
}}
path "auth/token/revoke-self" {{
  capabilities = ["update"]
}}
"""


def policies(labs_accessor: str, agents_accessor: str) -> dict[str, tuple[str, bool]]:
    """Name → text, and whether a text that somebody changed is put back. The accessors: of their auth mounts."""
    bot = BOT.replace("@LABS_ACCESSOR@", labs_accessor).replace("@AGENTS_ACCESSOR@", agents_accessor)
    return {
        BOT_POLICY: (bot + vault_agent_policies.BOTS, True),
        BLUEPRINTS_POLICY: (BLUEPRINTS, False),
        OPERATOR_POLICY: (OPERATOR + vault_agent_policies.OWN_IDENTITY, True),
        AGENT_POLICY: (vault_agent_policies.AGENT, True),
        GRANT_POLICY: (GRANT, True),
        SSH_GRANT_POLICY: (SSH_GRANT, True),
        LAB_POLICY: (LAB.replace("@LABS_ACCESSOR@", labs_accessor), True),
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
