"""A catalogue in a real repository: pushed to, torn, taken away, and what a run was planned from all the while."""

from __future__ import annotations

import hashlib
import hmac
import shutil
from pathlib import Path

import pytest
import requests

from tests.commands.engines.git.repositories import Repository
from tests.integration.house import House
from tests.waiting import until

pytestmark = pytest.mark.integration

SECRET = "the-secret-of-this-houses-hook"
BODY = b'{"ref": "refs/heads/main"}'


@pytest.fixture
def repository(own_house: House, tmp_path: Path) -> Repository:
    found = Repository(tmp_path / "repository")
    shutil.copytree(own_house.labs, found.folder, dirs_exist_ok=True)
    found.commit({})
    return found


def push(house: House, secret: str = SECRET) -> int:
    digest = hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={digest}"}
    return requests.post(
        f"{house.address}/catalogue/refresh", data=BODY, headers=headers, timeout=30
    ).status_code


def test_a_catalogue_in_git_from_a_push_to_a_restart_without_it(
    own_house: House, repository: Repository, tmp_path: Path
) -> None:
    house, first = own_house, repository.head
    where = {"LABS_PATH": repository.address}
    house.vault_client.secrets.kv.v2.create_or_update_secret(
        "catalogue", secret={"hook_secret": SECRET}, mount_point="innkeeper"
    )
    house.start(**where)
    house.asks(house.riley, "/lab up solo demo number=7")
    house.card("demo: proposed")

    # A push, which only its own host can tell of.
    module = (repository.folder / "solo" / "main.tf").read_text()
    text = (repository.folder / "solo" / "blueprint.yaml").read_text()
    second = repository.commit({"solo/main.tf": module + '\noutput "new" { value = "newer" }\n'})
    assert push(house, "another-secret-that-is-long-enough") == 401
    assert push(house) == 202
    until(lambda: f"moved the catalogue to commit {second[:10]}" in house.log)
    until(lambda: house.audited("catalogue", "catalogue_moved") == 1)

    # What was planned from the first commit is applied from the first commit.
    house.presses(house.riley, house.card("demo: proposed"), "Approve", expect="counts for")
    house.card("demo: applied")
    assert "newer" not in house.asks(house.riley, "/lab output demo", expect="Outputs of demo")
    house.has("solo", "other", "number=8")
    assert "newer" in house.asks(house.riley, "/lab output other", expect="Outputs of other")
    with house.database() as database:
        commits = dict(database.execute('SELECT lab_name, "commit" FROM runs').fetchall())
    assert commits == {"demo": first, "other": second}

    # A torn commit holds up nobody, and the admins know where it is torn.
    torn = repository.commit({"solo/blueprint.yaml": text.replace("summary:", "sumary:")})
    assert push(house) == 202
    until(lambda: [each for each in house.direct(house.ada) if torn[:10] in each])
    (told,) = (each for each in house.direct(house.ada) if torn[:10] in each)
    assert (
        "`solo/blueprint.yaml`, line 2: `sumary` is not a key of a blueprint. Did you mean `summary`?" in told
    )
    assert "One thing that its requester approves" in house.asks(house.riley, "/lab catalog", expect="solo")

    # Without the repository it goes on, and says so.
    repository.folder.rename(tmp_path / "away")
    house.kill()
    house.start(**where)
    answer = house.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["catalogue"].startswith(
        f"ready, with commit {second[:10]}: The repository cannot be"
    )
    house.has("solo", "third", "number=9")
    status, doctor = house.runs_bot("doctor", **where)
    assert status == 2
    assert f"BAD  catalogue: ready, with commit {second[:10]}: The repository cannot be fetched" in doctor


def test_a_folder_takes_no_pushes(house: House) -> None:
    assert push(house) == 404


def test_init_makes_the_secret_of_the_hook(own_house: House, repository: Repository) -> None:
    house = own_house
    admin = {"VAULT_TOKEN": house.openbao.root_token, "LABS_PATH": repository.address}
    admin |= {"VAULT_ROLE_ID": "", "VAULT_SECRET_ID": ""}
    status, told = house.runs_bot("init", "--admin", "T1:U1", **admin)
    assert status == 0, told
    assert "made     the secret of the push hook, `innkeeper/catalogue`" in told
    found = house.vault_client.secrets.kv.v2.read_secret_version(
        "catalogue", mount_point="innkeeper", raise_on_deleted_version=True
    )
    assert found["data"]["data"]["hook_secret"] not in told
