"""Where Innkeeper's things are in Vault: mounts, keys, roles and policies, as `innkeeper init` makes them."""

from __future__ import annotations

import re

OPERATORS_MOUNT = "innkeeper"  # KV v2: operators, and what blueprints may read
HOOK_SECRET = f"{OPERATORS_MOUNT}/catalogue#hook_secret"  # signs what tells of a push to the catalogue
TRANSIT_MOUNT = "transit"
TRANSIT_KEY = "innkeeper"  # under which plans and states are kept
KRL_KEY = "innkeeper-krl"  # ed25519: signs the list of revoked ssh certificates
SSH_MOUNT = "ssh-lab"
SSH_ROLE = "lab"
SSH_BOT_ROLE = "innkeeper"  # signs for the bot itself, which deploys and looks after labs over ssh
PKI_MOUNT = "pki-lab"  # one role a domain, called as the domain; and one for requests, DOMAIN-csr
DATABASE_MOUNT = (
    "database"  # roles lab-LAB.ROLE of the bot's, LAB.ROLE, or ROLE for one that several labs share
)
LABS_FOLDER = "labs"  # below OPERATORS_MOUNT: what each lab publishes
LABS_MOUNT = "labs"  # of auth: an AppRole for each lab, called as the lab, with which its consumers log in
TOTP_MOUNT = "totp"  # one key a person: TEAM-USER
TOKEN_ROLE = "grants"  # noqa: S105 - of auth/token/roles: a person's token for one grant
SSH_TOKEN_ROLE = "ssh-grants"  # noqa: S105 - of auth/token/roles: a person's token for one ssh certificate

BOT_POLICY = "innkeeper-bot"
BLUEPRINTS_POLICY = "innkeeper-blueprints"  # which secrets a blueprint may name: an admin of Vault decides
OPERATOR_POLICY = "innkeeper-operator"
GRANT_POLICY = "innkeeper-grant"
SSH_GRANT_POLICY = "innkeeper-ssh-grant"
LAB_POLICY = "innkeeper-lab"  # of every lab's AppRole: what that lab has, and nothing of another

WRAPPING_SECONDS = 600  # so long may a secret wait to be revealed
SSH_TOKEN_SECONDS = 60  # a certificate is signed at once, and outlives the token
SSH_MAX_SECONDS = 24 * 3600
SSH_BOT_MAX_SECONDS = 3600
GRANT_MAX_SECONDS = 30 * 24 * 3600  # of a person's token, and so of TLS certificates and database users
AGENTS_MOUNT = "agents"  # of auth: an AppRole for each agent, called as the agent
AGENT_POLICY = "innkeeper-agent"  # of every agent's AppRole: it says who it is, and nothing else
AGENT_SECONDS = 3600  # of an agent's token; then it logs in again
CONSUMER_SECONDS = 20 * 60  # of a consumer's token, which it may renew
CONSUMER_MAX_SECONDS = 3600  # then it logs in again

LAB_NAME = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]")


def lab_connection(lab: str) -> str:
    """What Vault's database engine calls the data store of a lab; its roles are `lab-LAB.ROLE`."""
    return f"lab-{lab}"


def lab_role_id(lab: str, lab_id: str) -> str:
    """The role id of a lab's AppRole, which is no secret: a later lab of the same name has another."""
    return f"{lab}-{lab_id}"
