"""A program that uses a lab: it logs in to Vault with what `/lab connect` gave, and finds there where the lab is."""

from __future__ import annotations

import re
from typing import Any

import hvac


class Consumer:
    """It has read its `.env`, in the file that came with the answer, and was handed the secret id."""

    def __init__(self, how_to: str, secret_id: str) -> None:
        self._env = dict(re.findall(r"^(VAULT_\w+)=(.+)$", how_to, re.MULTILINE))
        self._path = str(re.findall(r"-field=\S+ (labs/\S+)", how_to)[0])
        self._secret_id = secret_id

    def read(self) -> dict[str, Any] | None:
        """What the lab publishes, or None when Vault lets it in no more."""
        vault = hvac.Client(self._env["VAULT_ADDR"], token="")
        try:
            vault.auth.approle.login(self._env["VAULT_ROLE_ID"], self._secret_id, mount_point="labs")
            answer = vault.secrets.kv.v2.read_secret_version(
                self._path, mount_point="innkeeper", raise_on_deleted_version=True
            )
        except (hvac.exceptions.InvalidRequest, hvac.exceptions.InvalidPath, hvac.exceptions.Forbidden):
            return None
        return dict(answer["data"]["data"])
