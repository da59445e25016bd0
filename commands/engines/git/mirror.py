"""A repository, mirrored: fetched with a limit of time, and looked at through its commits alone.

What comes from outside is never an option of git's: an address is checked, a ref is always a whole one
(`refs/heads/…`), a commit is forty digits, and what follows is behind `--` or `--end-of-options`.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from commands import words
from commands.engines.git import process as git_process
from commands.engines.git.process import GitFailed as GitFailed
from commands.engines.git.process import GitMissing

FETCH_SECONDS = 120.0
ASK_SECONDS = 10.0  # for one line of what the repository has
LOOK_SECONDS = 30.0  # for what only reads the mirror
BRANCH_LIMIT = 200

# No password can stand in it: it would be seen in the list of processes. A credential helper or ssh has it.
_ADDRESS = re.compile(
    r"git\+(?P<url>(?P<scheme>https)://[^\s#@]+|(?P<ssh>ssh)://[^\s#]+|(?P<file>file)://[^\s#]+)"
    r"(?:#(?P<ref>[\w./][\w./+-]*)?(?::(?P<folder>\w[\w./-]*))?)?",
    re.ASCII,
)
_UNFIT = re.compile(r"//[^/]*:[^/]*@|//-|@-")  # a password, or what ssh would take for an option
_FORM = "git+https://host/labs.git#main, without a password"
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_HEAD = "refs/innkeeper/head"
_USED = "refs/innkeeper/used/"


@dataclass(frozen=True)
class Address:
    """Where a catalogue is: `git+https://HOST/REPOSITORY#REF:FOLDER`. ref: a branch, tag or commit; none: HEAD."""

    url: str
    scheme: str
    ref: str | None = None
    folder: str = ""  # of the repository; empty: all of it

    @classmethod
    def parse(cls, text: str) -> Address:
        """Raises ValueError with a sentence; the address is not in it, as it may hold a password."""
        match = _ADDRESS.fullmatch(text)
        if match is None or _UNFIT.search(match["url"]) or ".." in (match["folder"] or ""):
            raise ValueError(f"This is not an address such as {_FORM}.")
        scheme = match["scheme"] or match["ssh"] or match["file"]
        folder = (match["folder"] or "").strip("/")
        return cls(match["url"], scheme, match["ref"], folder)


@dataclass(frozen=True)
class Entry:
    """A line of a tree. kind: blob, tree, or commit, which is a submodule."""

    mode: str
    kind: str
    oid: str
    path: str  # bytes that are not UTF-8 are surrogates, as os.fsdecode makes them


@dataclass(frozen=True)
class CommitInfo:
    """Who says to have made a commit, and when. Whoever commits writes what they like there."""

    author_name: str
    author_email: str
    committed_at: datetime


@dataclass(frozen=True)
class ChangedFile:
    """A file that differs, and by how many lines. None: it is not text."""

    path: str
    added_lines: int | None
    removed_lines: int | None


class Mirror:
    """A bare copy of a repository's branches and tags, in folder. Several processes may share it."""

    def __init__(self, address: Address, folder: Path) -> None:
        self.address = address
        self._folder = folder
        self._git_dir = folder / "mirror.git"
        self._environment = git_process.environment(address.scheme, self._config_file())

    def fetch(self, limit_seconds: float = FETCH_SECONDS) -> None:
        """Bring it up to date. Raises GitFailed, and what was there before is still there."""
        refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
        if self.address.ref is None:
            refs.append(f"+HEAD:{_HEAD}")
        options = ("--quiet", "--prune", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        try:
            with self._alone(limit_seconds):
                self._make()
                self._git("fetch", *options, "--", self.address.url, *refs, limit_seconds=limit_seconds)
        except GitMissing:
            raise
        except GitFailed as failed:
            if failed.is_away:
                sentence = f"The repository did not answer within {limit_seconds:g} s."
            else:
                sentence = f"The repository cannot be fetched: {failed.sentence}"
            raise GitFailed(sentence, is_away=True) from None

    def head(self) -> str:
        """The commit that the address names, as of the last fetch. Raises GitFailed."""
        ref = self.address.ref
        if ref is None:
            names = [_HEAD]
        elif _COMMIT.fullmatch(ref):
            names = [ref]
        else:
            names = [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
        for name in names:
            found = self._commit(name)
            if found is not None:
                return found
        said = "HEAD" if ref is None else words.code(ref, 80)
        raise GitFailed(f"The repository has no branch, tag or commit {said}.")

    def branch(self, name: str) -> str | None:
        """The commit that a branch is at, as of the last fetch. Raises GitFailed for a name that no branch has."""
        return self._commit(self._branch(name))

    def branch_now(self, name: str) -> str | None:
        """The commit that a branch is at now: the repository is asked. Raises GitFailed."""
        ref = self._branch(name)
        try:
            told = self._git(
                "ls-remote", "--quiet", "--heads", "--", self.address.url, ref, limit_seconds=ASK_SECONDS
            )
        except GitFailed as failed:
            raise GitFailed(f"The repository does not answer: {failed.sentence}", is_away=True) from None
        lines = [line.split("\t") for line in told.decode(errors="replace").splitlines()]
        return next((oid for oid, found in lines if found == ref and _COMMIT.fullmatch(oid)), None)

    def has(self, commit: str) -> bool:
        """Whether it is a commit that was fetched."""
        return _COMMIT.fullmatch(commit) is not None and self._commit(commit) == commit

    def entries(self, commit: str) -> list[Entry]:
        """All that a commit has below the address's folder, in git's order. Raises GitFailed."""
        treeish = f"{_checked(commit)}:{self.address.folder}"
        try:
            told = self._git("ls-tree", "-r", "-t", "-z", "--full-tree", "--end-of-options", treeish)
        except GitFailed as failed:
            if self.address.folder:
                raise GitFailed(
                    f"The commit has no folder {words.code(self.address.folder, 80)}: {failed.sentence}"
                ) from None
            raise
        if len(told) >= git_process.OUTPUT_LIMIT_BYTES:
            raise GitFailed("The list of its files alone is too long for a catalogue.")
        found = []
        for line in told.split(b"\0")[:-1]:
            head, _, path = line.partition(b"\t")
            mode, kind, oid = head.decode().split(" ")
            found.append(Entry(mode, kind, oid, path.decode(errors="surrogateescape")))
        return found

    def contents(self, oids: Sequence[str], limit_bytes: int) -> Iterator[bytes]:
        """What each of those blobs holds, in their order. Raises GitFailed, also past limit_bytes in all."""
        given = "".join(f"{oid}\n" for oid in oids).encode()
        arguments = [f"--git-dir={self._git_dir}", "cat-file", "--batch"]
        left = limit_bytes
        with git_process.started(arguments, self._environment, FETCH_SECONDS, given) as output:
            for oid in oids:
                head = output.readline().decode(errors="replace").split()
                if len(head) != 3 or head[:2] != [oid, "blob"]:
                    raise GitFailed(
                        f"The mirror has no file {oid}. Remove {self._git_dir}; it is made again."
                    )
                left -= int(head[2])
                if left < 0:
                    megabytes = limit_bytes // 2**20
                    raise GitFailed(f"It has more than {megabytes} MB of files, the most for a catalogue.")
                yield output.read(int(head[2]))
                output.read(1)

    def info(self, commit: str) -> CommitInfo:
        """Who made it, and when. Raises GitFailed."""
        told = self._git(
            *("log", "--no-walk", "--no-show-signature", "--no-mailmap", "--encoding=UTF-8"),
            *("--format=%an%x00%ae%x00%ct", "--end-of-options", _checked(commit), "--"),
        )
        name, email, seconds = told.decode(errors="replace").strip("\n").split("\0")
        return CommitInfo(name, email, datetime.fromtimestamp(int(seconds), UTC))

    def merge_base(self, one: str, other: str) -> str | None:
        """The newest commit that both come from. None: they have nothing in common."""
        try:
            told = self._git("merge-base", "--end-of-options", _checked(one), _checked(other))
        except GitFailed:
            return None
        return told.decode().split()[0]

    def changed_files(self, before: str, after: str) -> list[ChangedFile]:
        """The files that differ. A renamed one is removed and added. Raises GitFailed."""
        told = self._diff("--numstat", "-z", before, after, limit_bytes=git_process.OUTPUT_LIMIT_BYTES)
        found = []
        for line in told.decode(errors="replace").split("\0")[:-1]:
            added, removed, path = line.split("\t", 2)
            numbers = [None if number == "-" else int(number) for number in (added, removed)]
            found.append(ChangedFile(path, numbers[0], numbers[1]))
        return found

    def diff(self, before: str, after: str, limit_bytes: int) -> bytes:
        """The first limit_bytes of what differs, as a patch. Raises GitFailed."""
        return self._diff("--patch", before, after, limit_bytes=limit_bytes)

    def is_ancestor(self, commit: str, of: str) -> bool:
        """Whether the one commit is part of the other's history, or the same."""
        return self.has(commit) and self.has(of) and self.merge_base(commit, of) == commit

    def is_merged(self, commit: str, into: str) -> bool:
        """Whether merging it would change nothing: it is an ancestor, or all of it is there, as after a squash."""
        if not (self.has(commit) and self.has(into)):
            return False
        if self.is_ancestor(commit, into):
            return True
        try:
            merged = self._git(
                "merge-tree", "--write-tree", "--no-messages", "--end-of-options", into, commit
            )
            tree = self._git("rev-parse", "--verify", "--end-of-options", f"{into}^{{tree}}")
        except GitFailed:  # there is a conflict
            return False
        return merged.strip() == tree.strip()

    def keep(self, commit: str) -> None:
        """Let a commit stay, whatever becomes of the branch that it came from. Raises GitFailed."""
        self._git("update-ref", "--end-of-options", _USED + _checked(commit), commit)

    def forget(self, commit: str) -> None:
        """Let a commit go with its branch. Raises GitFailed."""
        self._git("update-ref", "-d", "--end-of-options", _USED + _checked(commit))

    def _git(self, *arguments: str, limit_seconds: float = LOOK_SECONDS) -> bytes:
        return git_process.run([f"--git-dir={self._git_dir}", *arguments], self._environment, limit_seconds)

    def _diff(self, *arguments: str, limit_bytes: int) -> bytes:
        *options, before, after = arguments
        command = [
            *(f"--git-dir={self._git_dir}", "diff", *options, "--no-color", "--no-ext-diff", "--no-textconv"),
            *("--no-renames", "--ignore-submodules=none", "--end-of-options", _checked(before)),
            *(_checked(after), "--", *([self.address.folder] if self.address.folder else [])),
        ]
        return git_process.run(command, self._environment, LOOK_SECONDS, limit_bytes)

    def _commit(self, name: str) -> str | None:
        try:
            told = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except GitFailed:
            return None
        return told.decode().strip()

    def _branch(self, name: str) -> str:
        """refs/heads/NAME. Raises GitFailed for what is no name of a branch: git itself says so."""
        ref = f"refs/heads/{name}"
        fits = 0 < len(name) <= BRANCH_LIMIT and not name.startswith("-") and name.isprintable()
        try:
            if not fits:
                raise GitFailed("it does not fit")
            self._git("check-ref-format", ref)
        except GitFailed:
            raise GitFailed(f"{words.code(name, 80)} is not the name of a branch.") from None
        return ref

    def _make(self) -> None:
        if self._git_dir.is_dir():
            return
        with tempfile.TemporaryDirectory(prefix=".mirror-", dir=self._folder) as unfinished:
            made = Path(unfinished, "mirror.git")
            options = ["init", "--quiet", "--bare", "--template=", "--initial-branch=none", "--", str(made)]
            git_process.run(options, self._environment, LOOK_SECONDS)
            made.rename(self._git_dir)

    def _config_file(self) -> str | None:
        """LABS_PATH names a repository on this machine, so it is trusted, whoever owns its files."""
        if self.address.scheme != "file":
            return None
        path = self.address.url.removeprefix("file://").replace("\\", "\\\\").replace('"', '\\"')
        lines = ["[include]", "\tpath = ~/.config/git/config", "\tpath = ~/.gitconfig", "[safe]"]
        lines += [f'\tdirectory = "{path}"', f'\tdirectory = "{path}/.git"', ""]
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / "gitconfig").write_text("\n".join(lines))
        return str((self._folder / "gitconfig").resolve())

    @contextmanager
    def _alone(self, limit_seconds: float) -> Iterator[None]:
        """No other process, and no other thread, fetches meanwhile."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ends_at = time.monotonic() + limit_seconds
        with (self._folder / "lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > ends_at:
                        raise GitFailed("Another process fetches.", is_away=True) from None
                    time.sleep(0.05)
            for left in self._folder.glob(".mirror-*"):  # of a process that died
                shutil.rmtree(left, ignore_errors=True)
            yield


def _checked(commit: str) -> str:
    if not _COMMIT.fullmatch(commit):
        raise GitFailed(f"{words.code(commit)} is not a commit.")
    return commit
