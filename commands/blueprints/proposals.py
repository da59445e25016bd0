"""A branch of the catalogue's repository as a proposal: what it changes, and its blueprints under our rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from commands import words
from commands.blueprints import restraint
from commands.blueprints.catalogue import Catalogue
from commands.blueprints.git_catalogue import SHOWN, GitCatalogue, one_of
from commands.blueprints.records import Blueprint
from commands.engines.git.mirror import ChangedFile, GitFailed
from commands.request import Refused

DIFF_LIMIT_BYTES = 200_000
FILES_LIMIT = 3_000
NAME_LIMIT = 100


class RepositoryAway(Exception):
    """Nobody can tell where a branch is now. sentence: what is said of it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Proposal:
    """A branch as it was when it was looked at, against the reviewed commit in use.

    author_name and author_email are what the commit says: anybody can write anything there. files_changed: a renamed
    one is removed and added. diff: a patch from where the branch began, cut with a sentence where it is long.
    """

    branch: str
    commit: str
    reviewed: str
    author_name: str
    author_email: str
    committed_at: datetime
    files_changed: tuple[ChangedFile, ...]
    diff: str


def in_git(catalogue: Catalogue) -> GitCatalogue:
    """The catalogue, where it has branches. Raises Refused."""
    if not isinstance(catalogue, GitCatalogue):
        raise Refused("The catalogue is a folder, which has no branches.", "/lab catalog")
    return catalogue


def proposal(catalogue: Catalogue, branch: str) -> Proposal:
    """The branch, fetched now. Raises Refused: it is not there, or has nothing in common with what was reviewed."""
    git, reviewed = in_git(catalogue), in_git(catalogue).in_use
    try:
        git.mirror.fetch()
        commit = git.mirror.branch(branch)
        if commit is None:
            raise _no_branch(branch)
        began_at = git.mirror.merge_base(commit, reviewed)
        if began_at is None:
            raise Refused(f"{words.code(branch, 80)} has no commit in common with what was reviewed.")
        files = git.mirror.changed_files(began_at, commit)
        if len(files) > FILES_LIMIT:
            raise Refused(
                f"{words.code(branch, 80)} changes {len(files):,} files, and nobody reviews more than {FILES_LIMIT:,}."
            )
        info = git.mirror.info(commit)
        patch = git.mirror.diff(began_at, commit, DIFF_LIMIT_BYTES + 1)
    except GitFailed as failed:
        raise Refused(failed.sentence) from None
    return Proposal(
        branch=branch,
        commit=commit,
        reviewed=reviewed,
        author_name=_said(info.author_name),
        author_email=_said(info.author_email),
        committed_at=info.committed_at,
        files_changed=tuple(files),
        diff=_cut(patch),
    )


def head_of(catalogue: Catalogue, branch: str) -> str:
    """The commit that a branch is at now: the repository is asked. Raises Refused: it is gone, or away."""
    try:
        commit = in_git(catalogue).mirror.branch_now(branch)
    except GitFailed as failed:
        raise Refused(failed.sentence) from None
    if commit is None:
        raise _no_branch(branch)
    return commit


def why_moved(catalogue: Catalogue, branch: str, commit: str) -> str:
    """What has become of a branch since that commit was planned; empty: it is still there. Raises RepositoryAway."""
    try:
        now = in_git(catalogue).mirror.branch_now(branch)
    except GitFailed as failed:
        raise RepositoryAway(
            f"I cannot tell whether the branch {words.code(branch, 80)} is still as it was shown. {failed.sentence}"
        ) from None
    if now == commit:
        return ""
    where = f"has moved to commit `{now[:SHOWN]}`" if now is not None else "is gone"
    return f"The branch {words.code(branch, 80)} {where} since this was planned."


def is_merged(catalogue: Catalogue, commit: str) -> bool:
    """Whether what is reviewed has all of that commit, also after a squash. Raises Refused."""
    git = in_git(catalogue)
    return git.mirror.is_merged(commit, git.in_use)


def checked_out_at(catalogue: Catalogue, commit: str) -> Path:
    """The files of a commit that was fetched, apart from those that were reviewed. Raises Refused.

    Nobody has checked them: guardrails come before Terraform sees them.
    """
    try:
        return in_git(catalogue).checked_out_at(commit).root
    except GitFailed as failed:
        raise Refused(failed.sentence) from None


def blueprint_at(catalogue: Catalogue, name: str, commit: str) -> Blueprint:
    """The blueprint of a commit that was fetched, under the rules of the reviewed one. Raises Refused."""
    git = in_git(catalogue)
    try:
        checkout = git.checked_out_at(commit)
    except GitFailed as failed:
        raise Refused(failed.sentence) from None
    found = one_of(checkout, name, f"commit `{commit[:SHOWN]}`")
    return restraint.restrained(found, git.blueprints().get(name))


def held_back_at(catalogue: Catalogue, name: str, commit: str) -> tuple[str, ...]:
    """What that blueprint asks for and does not get before it is merged, a few words each. Raises Refused."""
    git = in_git(catalogue)
    try:
        found = one_of(git.checked_out_at(commit), name, f"commit `{commit[:SHOWN]}`")
    except GitFailed as failed:
        raise Refused(failed.sentence) from None
    return restraint.held_back(found, git.blueprints().get(name))


def known(catalogue: Catalogue, name: str, branch: str) -> Blueprint | None:
    """A branch's blueprint as far as it was looked at before. Asks no repository; never raises."""
    if not isinstance(catalogue, GitCatalogue):
        return None
    try:
        commit = catalogue.mirror.branch(branch)
        is_there = commit is not None and catalogue.is_checked_out(commit)
        return blueprint_at(catalogue, name, commit) if commit is not None and is_there else None
    except (GitFailed, Refused):
        return None


def _no_branch(branch: str) -> Refused:
    return Refused(f"The repository has no branch {words.code(branch, 80)}.", "/lab catalog")


def _said(text: str) -> str:
    return words.cut(words.plain(words.printable(text)).strip(), NAME_LIMIT) or "nobody"


def _cut(patch: bytes) -> str:
    """At most DIFF_LIMIT_BYTES, in whole lines."""
    whole = len(patch) <= DIFF_LIMIT_BYTES
    shown = patch if whole else patch[: patch.rfind(b"\n", 0, DIFF_LIMIT_BYTES) + 1]
    text = shown.decode(errors="replace")
    return (
        text
        if whole
        else f"{text}… the rest of this diff is not shown: it is longer than {DIFF_LIMIT_BYTES:,} bytes.\n"
    )
