"""The policies about agents: what the bot may do to let machines log in, and how little such a login may."""

from __future__ import annotations

from commands.engines.vault.places import AGENT_POLICY, AGENTS_MOUNT, WRAPPING_SECONDS

BOTS = f"""
# agents, which are machines that ask for labs: an AppRole for each, under the one policy that `innkeeper init` wrote
# and under no other. Secret ids exist in their wrapping alone.
path "auth/{AGENTS_MOUNT}/role/+" {{
  capabilities = ["create", "update", "delete"]
  allowed_parameters = {{
    "token_policies" = ["{AGENT_POLICY}"]
    "token_no_default_policy" = [true]
    "token_type" = ["service"]
    "bind_secret_id" = [true]
    "token_ttl" = []
    "token_max_ttl" = []
  }}
}}
path "auth/{AGENTS_MOUNT}/role/+/role-id" {{
  capabilities = ["read"]
}}
path "auth/{AGENTS_MOUNT}/role/+/secret-id" {{
  capabilities = ["create", "update"]
  min_wrapping_ttl = "1s"
  max_wrapping_ttl = "{WRAPPING_SECONDS}s"
  allowed_parameters = {{}}
}}
"""

AGENT = """\
# Of every agent's AppRole: its token says who it is, and opens nothing in Vault.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
"""

OWN_IDENTITY = """
# and whom Vault's identity says that they are, which is how /api knows them by their token alone
path "identity/entity/id/{{identity.entity.id}}" {
  capabilities = ["read"]
}
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
"""
