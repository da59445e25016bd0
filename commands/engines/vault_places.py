"""Where Innkeeper's things are in Vault: mounts, keys, roles and policies, as `innkeeper init` makes them."""

from __future__ import annotations

OPERATORS_MOUNT = "innkeeper"  # KV v2: operators, and what blueprints may read
HOOK_SECRET = f"{OPERATORS_MOUNT}/catalogue#hook_secret"  # signs what tells of a push to the catalogue
TRANSIT_MOUNT = "transit"
TRANSIT_KEY = "innkeeper"  # under which plans and states are kept
KRL_KEY = "innkeeper-krl"  # ed25519: signs the list of revoked ssh certificates
SSH_MOUNT = "ssh-lab"
SSH_ROLE = "lab"
SSH_BOT_ROLE = "innkeeper"  # signs for the bot itself, which deploys and looks after labs over ssh
PKI_MOUNT = "pki-lab"  # one role a domain, called as the domain; and one for requests, DOMAIN-csr
DATABASE_MOUNT = "database"  # roles LAB.ROLE, or ROLE for one that several labs share
TOTP_MOUNT = "totp"  # one key a person: TEAM-USER
TOKEN_ROLE = "grants"  # noqa: S105 - of auth/token/roles: a person's token for one grant
SSH_TOKEN_ROLE = "ssh-grants"  # noqa: S105 - of auth/token/roles: a person's token for one ssh certificate

BOT_POLICY = "innkeeper-bot"
BLUEPRINTS_POLICY = "innkeeper-blueprints"  # which secrets a blueprint may name: an admin of Vault decides
OPERATOR_POLICY = "innkeeper-operator"
GRANT_POLICY = "innkeeper-grant"
SSH_GRANT_POLICY = "innkeeper-ssh-grant"

WRAPPING_SECONDS = 600  # so long may a secret wait to be revealed
SSH_TOKEN_SECONDS = 60  # a certificate is signed at once, and outlives the token
SSH_MAX_SECONDS = 24 * 3600
SSH_BOT_MAX_SECONDS = 3600
GRANT_MAX_SECONDS = 30 * 24 * 3600  # of a person's token, and so of TLS certificates and database users
