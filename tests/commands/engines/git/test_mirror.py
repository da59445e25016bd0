from __future__ import annotations

import os
import socket
import stat
import threading
import time
from pathlib import Path

import pytest

from commands.engines.git import checkout as git_checkout
from commands.engines.git import mirror as git
from commands.engines.git import process as git_process
from commands.engines.git.checkout import check_out
from commands.engines.git.mirror import Address, GitFailed, Mirror
from tests.commands.engines.git.repositories import Repository, blueprint


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository", blueprint("web"))


def mirror_of(repository: Repository, folder: Path, ref: str = "main") -> Mirror:
    mirror = Mirror(Address.parse(f"git+file://{repository.folder}#{ref}"), folder / "mirror")
    mirror.fetch()
    return mirror


# Addresses


@pytest.mark.parametrize(
    ("text", "url", "ref", "folder"),
    [
        ("git+https://host/labs.git#main", "https://host/labs.git", "main", ""),
        ("git+ssh://git@host:22/labs.git#v1.0", "ssh://git@host:22/labs.git", "v1.0", ""),
        ("git+file:///srv/labs.git", "file:///srv/labs.git", None, ""),
        ("git+file:///srv/labs.git#", "file:///srv/labs.git", None, ""),
        (
            "git+https://host/all.git#release/1:platform/labs/",
            "https://host/all.git",
            "release/1",
            "platform/labs",
        ),
        ("git+https://host/all.git#:labs", "https://host/all.git", None, "labs"),
    ],
)
def test_an_address_is_read(text: str, url: str, ref: str | None, folder: str) -> None:
    address = Address.parse(text)
    assert (address.url, address.ref, address.folder) == (url, ref, folder)


@pytest.mark.parametrize(
    "text",
    [
        "git+http://host/labs",
        "git+ext::sh -c id",
        "git+file:///labs#--upload-pack=id",
        "git+file:///labs#main:--upload-pack=id",
        "git+file:///labs#main:../..",
        "git+https://",
        "git+https://u:p@h/x",
        "git+ssh://u:p@h/x",
        "git+ssh://-oProxyCommand=id/x",
        "git+ssh://u@-oProxyCommand=id/x",
        "git+-x",
    ],
)
def test_an_address_that_is_none_is_refused_before_git_sees_it(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address such as"):
        Address.parse(text)


@pytest.mark.parametrize("ref", ["main", "v1", "refs/heads/main", "refs/tags/v1", ""])
def test_a_ref_is_a_branch_or_a_tag_or_what_the_repository_is_at(
    repository: Repository, tmp_path: Path, ref: str
) -> None:
    repository.git("tag", "-a", "-m", "One", "v1")
    assert mirror_of(repository, tmp_path, ref).head() == repository.head
    assert mirror_of(repository, tmp_path / "by-commit", repository.head).head() == repository.head


@pytest.mark.parametrize("ref", ["none", "main..main", "0" * 40, "refs/heads/none"])
def test_a_ref_that_is_not_there_is_told(repository: Repository, tmp_path: Path, ref: str) -> None:
    mirror = mirror_of(repository, tmp_path, ref)
    with pytest.raises(GitFailed, match=f"The repository has no branch, tag or commit `{ref}`"):
        mirror.head()


# Fetching


def test_a_bare_repository_of_somebody_else_is_fetched(repository: Repository, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    repository.git("clone", "--quiet", "--bare", str(repository.folder), str(bare))
    if os.geteuid() == 0:
        os.chown(bare, 12345, 12345)
    mirror = Mirror(Address.parse(f"git+file://{bare}#main"), tmp_path / "mirror")
    mirror.fetch()
    assert mirror.head() == repository.head


def test_a_repository_that_is_away_leaves_the_mirror_as_it_was(
    repository: Repository, tmp_path: Path
) -> None:
    mirror = mirror_of(repository, tmp_path)
    repository.folder.rename(tmp_path / "moved")
    with pytest.raises(GitFailed, match=r"^The repository cannot be fetched: .*does not .*") as failed:
        mirror.fetch()
    assert failed.value.is_away
    assert mirror.head() == Repository.git(repository_at(tmp_path / "moved"), "rev-parse", "HEAD")


def repository_at(folder: Path) -> Repository:
    found = Repository.__new__(Repository)
    found.folder = folder
    return found


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = Address.parse(f"git+https://127.0.0.1:{silent.getsockname()[1]}/labs.git#main")
        began = time.monotonic()
        with pytest.raises(GitFailed, match=r"The repository did not answer within 0\.5 s\."):
            Mirror(address, tmp_path / "mirror").fetch(limit_seconds=0.5)
        assert time.monotonic() - began < 20


def test_two_may_fetch_at_once(repository: Repository, tmp_path: Path) -> None:
    went_wrong: list[Exception] = []

    def fetch() -> None:
        try:
            mirror_of(repository, tmp_path)
        except Exception as error:
            went_wrong.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert went_wrong == []


def test_no_other_protocol_is_spoken_whatever_the_users_configuration_says(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, canary = tmp_path / "home", tmp_path / "canary"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[url "ext::sh -c touch% {canary}% "]\n\tinsteadOf = https://labs.test/\n[protocol "ext"]\n\tallow = always\n'
    )
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(GitFailed, match="transport 'ext' not allowed"):
        Mirror(Address.parse("git+https://labs.test/labs.git#main"), tmp_path / "mirror").fetch()
    assert not canary.exists()


def test_a_password_in_what_git_says_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        '[url "https://user:canary@127.0.0.1:1/"]\n\tinsteadOf = https://labs.test/\n'
    )
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(GitFailed) as failed:
        Mirror(Address.parse("git+https://labs.test/labs.git#main"), tmp_path / "mirror").fetch()
    assert "127.0.0.1:1/" in failed.value.sentence
    assert "canary" not in failed.value.sentence
    assert "canary" not in git_process._reason("fatal: unable to access 'https://u:canary@h/x': no")


def test_git_gets_nothing_of_our_environment_that_it_does_not_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "canary")
    monkeypatch.setenv("GIT_SSH_COMMAND", "canary")
    monkeypatch.setenv("GIT_DIR", "canary")
    given = git_process.environment("ssh")
    assert "canary" not in given.values()
    assert given["GIT_TERMINAL_PROMPT"] == "0"
    assert given["GIT_ALLOW_PROTOCOL"] == "ssh"


def test_hooks_are_not_run(repository: Repository, tmp_path: Path) -> None:
    mirror = mirror_of(repository, tmp_path)
    hooks = tmp_path / "mirror" / "mirror.git" / "hooks"
    assert not hooks.exists()
    hooks.mkdir()
    for name in ("reference-transaction", "post-checkout", "pre-auto-gc"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
        (hooks / name).chmod(0o755)
    repository.commit({"a": "b"})
    mirror.fetch()
    check_out(mirror, mirror.head(), tmp_path / "below")
    assert not (tmp_path / "canary").exists()


# Branches


@pytest.mark.parametrize(
    "name",
    ["--upload-pack=id", "-x", "a b", "a..b", "a.lock", "/a", "a//b", "", "a~1", "a^{}", "a\n", "x" * 300],
)
def test_a_name_that_no_branch_has_is_refused(repository: Repository, tmp_path: Path, name: str) -> None:
    mirror = mirror_of(repository, tmp_path)
    for ask in (mirror.branch, mirror.branch_now):
        with pytest.raises(GitFailed, match="is not the name of a branch"):
            ask(name)


def test_a_branch_is_where_it_was_fetched_and_where_it_is_now(repository: Repository, tmp_path: Path) -> None:
    repository.git("switch", "--quiet", "--create", "anna/bigger-#1")
    fetched = repository.head
    mirror = mirror_of(repository, tmp_path)
    moved = repository.commit({"web/main.tf": "# more"})
    assert mirror.branch("anna/bigger-#1") == fetched
    assert mirror.branch_now("anna/bigger-#1") == moved
    assert (mirror.branch("none"), mirror.branch_now("none")) == (None, None)


def test_a_branch_called_like_an_option_is_never_one(repository: Repository, tmp_path: Path) -> None:
    repository.git("update-ref", "refs/heads/--upload-pack=touch canary".replace(" ", "_"), "HEAD")
    mirror = mirror_of(repository, tmp_path)
    assert mirror.head() == repository.head
    assert not (repository.folder / "canary").exists()


# Checking out


def test_a_commit_is_checked_out_once_byte_for_byte(repository: Repository, tmp_path: Path) -> None:
    (repository.folder / ".gitattributes").write_text(
        "*.txt text eol=crlf filter=canary export-subst\nb export-ignore\n"
    )
    (repository.folder / "run.sh").write_text("#!/bin/sh\n")
    (repository.folder / "run.sh").chmod(0o755)
    commit = repository.commit({"a.txt": "$Format:%H$\n", "b": "kept", "deep/er/ä c": "x"})
    mirror = mirror_of(repository, tmp_path)
    root = check_out(mirror, commit, tmp_path / "below").root
    assert root == tmp_path / "below" / commit
    found = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
    assert found == {
        ".gitattributes": (repository.folder / ".gitattributes").read_text(),
        "a.txt": "$Format:%H$\n",
        "b": "kept",
        "deep/er/ä c": "x",
        "run.sh": "#!/bin/sh\n",
        "web/blueprint.yaml": "name: web\nsummary: First\n",
        "web/main.tf": "",
    }
    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o700
    assert stat.S_IMODE((root / "b").stat().st_mode) == 0o600
    (root / "b").write_text("marked")
    assert check_out(mirror, commit, tmp_path / "below").root == root
    assert (root / "b").read_text() == "marked"
    assert sorted(path.name for path in (tmp_path / "below").iterdir()) == [commit, f"{commit}.json"]


def test_what_is_the_same_is_not_written_again(repository: Repository, tmp_path: Path) -> None:
    mirror, first = mirror_of(repository, tmp_path), repository.head
    before = check_out(mirror, first, tmp_path / "below").root
    second = repository.commit({"web/blueprint.yaml": "name: web\nsummary: Second\n"})
    mirror.fetch()
    after = check_out(mirror, second, tmp_path / "below", first).root
    assert (after / "web/main.tf").samefile(before / "web/main.tf")
    assert not (after / "web/blueprint.yaml").samefile(before / "web/blueprint.yaml")
    assert (before / "web/blueprint.yaml").read_text() == "name: web\nsummary: First\n"


def test_links_that_leave_and_submodules_are_left_out(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("canary")
    links = {
        "inside": b"file",
        "absolute": b"/etc/passwd",
        "out": b"../../../secret",
        "through": b"out",
        "circle": b"circle",
        "dangling": b"nothing",
    }
    entries = [("100644", repository.blob(b"here"), "file"), ("160000", repository.head, "module")]
    entries += [("120000", repository.blob(target), name) for name, target in links.items()]
    commit = repository.tree(entries)
    checkout = check_out(mirror_of(repository, tmp_path), commit, tmp_path / "below")
    assert sorted(path.name for path in checkout.root.iterdir()) == ["dangling", "file", "inside"]
    assert (checkout.root / "inside").read_text() == "here"
    assert set(checkout.left_out) == {"absolute", "out", "through", "circle", "module"}
    assert "submodule" in checkout.left_out["module"]
    assert "absolute" in checkout.left_out["absolute"]
    assert "leaves the catalogue" in checkout.left_out["through"]
    assert check_out(mirror_of(repository, tmp_path), commit, tmp_path / "below") == checkout


@pytest.mark.parametrize("name", ["..", ".git", ".GIT", "."])
def test_a_tree_that_leads_elsewhere_is_refused(repository: Repository, tmp_path: Path, name: str) -> None:
    inner = repository.git("mktree", given=f"100644 blob {repository.blob(b'x')}\tcanary\n".encode())
    raw = b"40000 " + name.encode() + b"\0" + bytes.fromhex(inner)
    tree = repository.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", given=raw)
    commit = repository.move_main_to(tree)
    mirror = mirror_of(repository, tmp_path)
    with pytest.raises(GitFailed, match="which nobody may have"):
        check_out(mirror, commit, tmp_path / "below")
    assert not list(tmp_path.glob("**/canary"))


def test_a_file_behind_a_link_of_the_same_name_is_not_written_through_it(
    repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    inner = repository.git("mktree", given=f"100644 blob {repository.blob(b'x')}\tcanary\n".encode())
    link = repository.blob(os.fsencode(tmp_path / "elsewhere"))
    raw = b"120000 a\0" + bytes.fromhex(link) + b"40000 a\0" + bytes.fromhex(inner)
    tree = repository.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", given=raw)
    commit = repository.move_main_to(tree)
    mirror = mirror_of(repository, tmp_path)
    with pytest.raises(GitFailed, match="cannot be written"):
        check_out(mirror, commit, tmp_path / "below")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert list((tmp_path / "below").iterdir()) == []


def test_a_hundred_thousand_files_are_refused_soon_and_their_folder_is_not(
    repository: Repository, tmp_path: Path
) -> None:
    oid = repository.blob(b"x")
    folder = repository.git(
        "mktree", given=b"".join(b"100644 blob %s\t%d\n" % (oid.encode(), i) for i in range(1000))
    )
    lines = [f"040000 tree {folder}\tmany-{number}" for number in range(100)]
    lines.append(f"040000 tree {repository.git('rev-parse', 'HEAD:')}\tlabs")
    commit = repository.move_main_to(repository.git("mktree", given="\n".join(lines).encode() + b"\n"))
    mirror = mirror_of(repository, tmp_path)
    with pytest.raises(
        GitFailed, match=r"The commit has 100,002 files, and a catalogue has 20,000 at most\."
    ):
        check_out(mirror, commit, tmp_path / "below")
    assert not (tmp_path / "below" / commit).exists()
    root = check_out(mirror_of(repository, tmp_path, "main:labs"), commit, tmp_path / "labs").root
    assert [path.name for path in root.iterdir()] == ["web"]
    with pytest.raises(GitFailed, match="has no folder `none`"):
        check_out(mirror_of(repository, tmp_path, "main:none"), commit, tmp_path / "none")


def test_too_many_bytes_are_refused(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = mirror_of(repository, tmp_path)
    blob = repository.blob(b"x" * 2000)
    with pytest.raises(GitFailed, match="more than 0 MB"):
        list(
            mirror_of(repository, tmp_path).contents(
                [repository.git("rev-parse", "HEAD:web/blueprint.yaml")], 3
            )
        )
    with pytest.raises(GitFailed, match="The mirror has no file"):
        list(mirror.contents([blob], git_checkout.BYTES_LIMIT))


# Commits


def test_what_a_commit_says_and_changes(repository: Repository, tmp_path: Path) -> None:
    before = repository.head
    (repository.folder / "picture").write_bytes(b"\0\1\2")
    after = repository.commit({"web/main.tf": "# one\n# two\n"})
    mirror = mirror_of(repository, tmp_path)
    info = mirror.info(after)
    assert (info.author_name, info.author_email) == ("Anna", "anna@lab.test")
    assert info.committed_at.utcoffset() is not None
    assert [
        (each.path, each.added_lines, each.removed_lines) for each in mirror.changed_files(before, after)
    ] == [
        ("picture", None, None),
        ("web/main.tf", 2, 0),
    ]
    diff = mirror.diff(before, after, 10_000).decode()
    assert "+# two" in diff
    assert len(mirror.diff(before, after, 10)) == 10


@pytest.mark.parametrize("how", ["--no-ff", "--squash"])
def test_a_branch_is_merged_once_merging_it_would_change_nothing(
    repository: Repository, tmp_path: Path, how: str
) -> None:
    repository.git("switch", "--quiet", "--create", "change")
    commit = repository.commit({"web/main.tf": "# more\n"})
    repository.git("switch", "--quiet", "main")
    repository.commit({"other": "x"})
    mirror = mirror_of(repository, tmp_path)
    assert not mirror.is_merged(commit, repository.head)
    repository.git("merge", "--quiet", how, "change")
    repository.git("commit", "--quiet", "--allow-empty", "--message=Merge")
    mirror.fetch()
    assert mirror.is_merged(commit, repository.head)
    assert mirror.is_ancestor(commit, repository.head) == (how == "--no-ff")
    assert not mirror.is_merged("0" * 40, repository.head)


def test_a_commit_that_is_kept_outlives_its_branch(repository: Repository, tmp_path: Path) -> None:
    mirror, commit = mirror_of(repository, tmp_path), repository.head
    mirror.keep(commit)
    repository.git("checkout", "--quiet", "--orphan", "new")
    repository.commit({}, "Anew")
    repository.git("branch", "--force", "main", "new")
    mirror.fetch()
    assert mirror.head() != commit
    assert mirror.has(commit)
    mirror.forget(commit)
    mirror.forget(commit)


def test_what_is_no_commit_never_reaches_git(repository: Repository, tmp_path: Path) -> None:
    mirror = mirror_of(repository, tmp_path)
    for text in ("--upload-pack=id", "main", "HEAD", ""):
        assert not mirror.has(text)
        for ask in (mirror.entries, mirror.info, mirror.keep):
            with pytest.raises(GitFailed, match="is not a commit"):
                ask(text)


def test_without_git_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitFailed, match=r"needs git, and there is none on PATH\. Install it\."):
        Mirror(Address.parse("git+https://labs.test/x#main"), tmp_path / "mirror").fetch()


def test_the_limits_are_told_of() -> None:
    assert (git.FETCH_SECONDS, git_checkout.FILES_LIMIT) == (120, 20_000)
