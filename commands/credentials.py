"""`/key ssh`, `/key tls`, `/key db`: one credential for one lab, for whoever asks, for a while."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa

from commands.deps import Deps
from commands.engines.vault.protocol import WRAPPING_SECONDS, Wrapped
from commands.grammar import assignments
from commands.grants import public_keys
from commands.grants.issuing import Issued, checked_seconds, issue, key_id, lab_for_keys, usable
from commands.grants.public_keys import PublicKey
from commands.lifetime.extending import living
from commands.request import Button, Field, Form, Outcome, Refused, Request
from commands.words import at, code, duration, listed
from state import labs, runs
from state.database import Database
from state.records import Grant, Lab

CSR_RSA_BITS = 2048
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?")
_PLACE = re.compile(r"ssh://[a-z_][a-z0-9_-]{0,31}@[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def ssh(request: Request, deps: Deps) -> Outcome:
    """`/key ssh LAB [SHA256:…] [ttl=15m]`: a certificate for one of the person's keys, the newest if they say none."""
    asked_seconds, rest = _words(request, "/key ssh demo", 2)
    lab, blueprint = lab_for_keys(request, deps, rest[0])
    if blueprint.secure.ssh is None:
        raise _not_for(lab, "ssh certificates", "ssh")
    user, most_seconds = blueprint.secure.ssh.user, blueprint.secure.ssh.ttl_seconds
    ttl_seconds = checked_seconds(asked_seconds, most_seconds, f"/key ssh {lab.name}")
    key = _key(request, rest[1] if len(rest) > 1 else "")
    signed: list[str] = []

    def ask(token: str, grant: Grant) -> Issued:
        made = deps.vault.sign_ssh(token, key.line, user, ttl_seconds, key_id(grant, lab.name))
        signed.append(made.signed_key)
        return Issued(made.request_id, made.expires_at, made.serial_hex)

    grant = issue(request, deps, lab, "ssh", key.fingerprint, ttl_seconds, ask)
    file = f"~/.ssh/{key.file}"
    return Outcome(
        f"Certificate for {user} on *{lab.name}*, valid until {at(grant.expires_at)}, from your key "
        f"`{key.fingerprint}`.\n```\n{signed[0]}\n```\n"
        f"Save it as `{file}-cert.pub`, beside that key\n"
        f"Look at it with `ssh-keygen -L -f {file}-cert.pub`\n"
        f"Log in with `{_login(deps.database, lab, user, file)}`\n"
        f"Nobody else can use it. `/key revoke {grant.id}` ends it."
    )


def ssh_of_lab(request: Request, deps: Deps) -> Outcome:
    """The `ssh` button. Its value is LAB."""
    return ssh(replace(request, words=("key", "ssh", living(deps, request.words[1]).name)), deps)


def db(request: Request, deps: Deps) -> Outcome:
    """`/key db LAB [ttl=30m]`: a database user of the person's own, behind `Reveal once`."""
    asked_seconds, rest = _words(request, "/key db demo", 1)
    lab, blueprint = lab_for_keys(request, deps, rest[0])
    role, most_seconds = blueprint.secure.database_role, blueprint.secure.database_ttl_seconds
    if role is None:
        raise _not_for(lab, "database credentials", "database")
    ttl_seconds = checked_seconds(asked_seconds, most_seconds, f"/key db {lab.name}")
    found = deps.vault.database_role(lab.name, role)
    ttl_seconds = min(ttl_seconds, found.max_seconds)

    def ask(token: str, grant: Grant) -> Issued:
        return in_wrapping(deps, grant, deps.vault.database_credentials(token, found.name))

    grant = issue(request, deps, lab, "db", found.name, ttl_seconds, ask)
    said = f"*{role}* credentials for *{lab.name}*'s database, for {duration(ttl_seconds)}."
    return Outcome(f"{said} {WAITS}", buttons=reveal_buttons(grant))


def tls(request: Request, deps: Deps) -> Outcome:
    """`/key tls LAB [NAME]`: two ways to a certificate, with the person's own key or with one that Vault makes."""
    asked_seconds, rest = _words(request, "/key tls demo", 2)
    if asked_seconds is not None:
        raise Refused("How long a certificate works is up to the blueprint.", "/key tls demo")
    lab, blueprint = lab_for_keys(request, deps, rest[0])
    domain = blueprint.secure.tls_domain
    if domain is None:
        raise _not_for(lab, "certificates", "tls")
    name = _host_name(lab, domain, rest[1] if len(rest) > 1 else "")
    value = f"{lab.id}:{name}"
    return Outcome(
        f"A certificate for `{name}`, for {duration(blueprint.secure.tls_ttl_seconds)}. With a signing request the key "
        "stays on your machine; a new key is made by Vault and shown to you once.",
        buttons=(
            Button("From a signing request", "tls_from_request", value, "primary"),
            Button("With a new key", "tls_with_new_key", value),
        ),
    )


def tls_from_request(request: Request, deps: Deps) -> Outcome:
    """The first button: ask for the signing request in a form."""
    lab, name, _, _ = _tls_meant(request, deps)
    return Outcome(
        form=Form(
            action="tls_signed",
            value=request.words[1],
            title="Signing request",
            submit="Sign",
            introduction=(
                f"For `{name}` on *{lab.name}*. Make one where the certificate will be used; the key stays there:\n"
                "```\nopenssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\\n"
                f'  -keyout {name}.key -subj "/CN={name}"\n```'
            ),
            fields=(
                Field(
                    name="csr",
                    label="Signing request",
                    hint="From -----BEGIN CERTIFICATE REQUEST----- to its end. Never the key.",
                    multiline=True,
                ),
            ),
        )
    )


def tls_signed(request: Request, deps: Deps) -> Outcome:
    """The form came back: sign what it brought. The certificate is no secret, so it is simply told."""
    lab, name, domain, ttl_seconds = _tls_meant(request, deps)
    csr_pem = _signing_request(request.form.get("csr", ""), name)
    made: list[str] = []

    def ask(token: str, grant: Grant) -> Issued:
        signed = deps.vault.sign_tls(token, domain, csr_pem, name, ttl_seconds)
        made.extend((signed.certificate_pem, signed.ca_chain_pem))
        return Issued(signed.request_id, signed.expires_at, signed.serial)

    grant = issue(request, deps, lab, "tls", name, ttl_seconds, ask)
    return Outcome(
        f"Certificate for `{name}` on *{lab.name}*, valid until {at(grant.expires_at)}.\n```\n{made[0].strip()}\n```\n"
        f"Issued by\n```\n{made[1].strip()}\n```\n`/key revoke {grant.id}` ends it. I remind you before it expires."
    )


def tls_with_new_key(request: Request, deps: Deps) -> Outcome:
    """The second button: a key that Vault makes, with its certificate, behind `Reveal once`."""
    lab, name, domain, ttl_seconds = _tls_meant(request, deps)

    def ask(token: str, grant: Grant) -> Issued:
        return in_wrapping(deps, grant, deps.vault.issue_tls(token, domain, name, ttl_seconds))

    grant = issue(request, deps, lab, "tls", name, ttl_seconds, ask)
    said = f"A key and a certificate for `{name}` on *{lab.name}*, valid until {at(grant.expires_at)}."
    return Outcome(f"{said} {WAITS}", buttons=reveal_buttons(grant))


def reveal_buttons(grant: Grant) -> tuple[Button, ...]:
    """What stands below a secret that waits."""
    return (
        Button("Reveal once", "reveal", grant.id, "primary"),
        Button("Unwrap it myself", "reveal_token", grant.id),
        Button("Revoke", "revoke_grant", grant.id, "danger", "Revoke it now?"),
    )


WAITS = f"It opens once, for you alone, within {WRAPPING_SECONDS // 60} minutes."


def in_wrapping(deps: Deps, grant: Grant, wrapped: Wrapped) -> Issued:
    """The wrapping's token, sealed, until it is opened: so it is nowhere in the clear."""
    sealed = deps.vault.seal(wrapped.token.encode(), f"reveal {grant.id}")
    until = min(wrapped.expires_at, grant.issued_at + timedelta(seconds=WRAPPING_SECONDS))
    return Issued(wrapped.request_id, None, wrapped.serial, sealed, until)


def _words(request: Request, example: str, most: int) -> tuple[int | None, tuple[str, ...]]:
    values, ttl_seconds, rest = assignments(request.words[2:], f"{example} ttl=15m")
    if values or not 1 <= len(rest) <= most:
        raise Refused("Say for which lab.", example)
    return ttl_seconds, rest


def _not_for(lab: Lab, what: str, section: str) -> Refused:
    return Refused(
        f"*{lab.name}* has no {what}: its blueprint `{lab.blueprint}` has no `secure: {{{section}: …}}`.",
        f"/lab show {lab.name}",
    )


def _key(request: Request, wanted: str) -> PublicKey:
    """The person's key: the one whose fingerprint begins so, the newest where nothing is said."""
    lines = request.operator.ssh_public_keys if request.operator is not None else ()
    known = [key for key in map(public_keys.enrolled, lines) if key is not None]
    if not known:
        raise Refused("You have not enrolled an ssh key yet.", public_keys.EXAMPLE)
    fitting = [key for key in known if key.fingerprint.startswith(wanted)] if len(wanted) > 7 else known
    if wanted and (len(wanted) < 8 or len(fitting) != 1):
        have = listed([f"`{key.fingerprint}`" for key in known])
        raise Refused(f"{code(wanted)} is not one of your keys. You have {have}.", "/key list")
    return fitting[-1]


def _login(database: Database, lab: Lab, user: str, file: str) -> str:
    """The command that logs in to the lab's (first) host, as the outputs of its last apply name that."""
    outputs = runs.outputs_of(database, lab.id) or {}
    told = outputs.get("ssh")
    place = str(told[0] if isinstance(told, list) and told else told or outputs.get("address") or "")
    # What a lab answers goes into a line that people copy, so only an address may be in it.
    if _PLACE.fullmatch(place):
        return f"ssh -i {file} {place}"
    return f"ssh -i {file} {user}@{place if _HOST.fullmatch(place) else 'ADDRESS'}"


def _host_name(lab: Lab, domain: str, wanted: str) -> str:
    """The name that a certificate is for: the lab's own, or one below it, so that no lab passes for another."""
    own = f"{lab.name}.{domain}"
    name = wanted.lower().rstrip(".")
    if not name:
        return own
    name = name if "." in name else f"{name}.{own}"
    if (name != own and not name.endswith(f".{own}")) or not _is_host(name):
        raise Refused(
            f"{code(wanted, 80)} is outside of what *{lab.name}* may be called: `{own}`, and names below it.",
            f"/key tls {lab.name} www.{own}",
        )
    return name


def _is_host(name: str) -> bool:
    return len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split("."))


def _tls_meant(request: Request, deps: Deps) -> tuple[Lab, str, str, int]:
    """The lab, name, domain and lifetime that a button stands for, checked as if they were typed now."""
    lab_id, _, wanted = request.words[1].partition(":")
    lab, blueprint = usable(request, deps, labs.get(deps.database, lab_id))
    domain = blueprint.secure.tls_domain
    if domain is None:
        raise _not_for(lab, "certificates", "tls")
    return lab, _host_name(lab, domain, wanted), domain, blueprint.secure.tls_ttl_seconds


def _signing_request(text: str, name: str) -> str:
    """A signing request in PEM that is whole, signed by its own key, and asks for no other name. Raises Refused."""
    example = f'openssl req -new -key {name}.key -subj "/CN={name}"'
    try:
        asked = x509.load_pem_x509_csr(text.strip().encode())
        key, is_signed = asked.public_key(), asked.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
        raise Refused("That is not a whole signing request in PEM.", example) from None
    if not is_signed:
        raise Refused("That signing request is not signed by its own key.", example)
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < CSR_RSA_BITS:
        raise Refused(f"Its RSA key has {key.key_size:,} bits: use {CSR_RSA_BITS:,} or more.", example)
    names = _names_in(asked)
    if names - {name}:
        other = code(sorted(names - {name})[0], 80)
        raise Refused(f"It asks for {other}, and this certificate is for `{name}`.", example)
    return text.strip() + "\n"


def _names_in(asked: x509.CertificateSigningRequest) -> set[str]:
    """Every name that a request asks for, in its subject and beside it."""
    names = {str(each.value) for each in asked.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME)}
    try:
        beside = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return names
    return names | {str(each.value) for each in beside}
