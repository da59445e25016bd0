"""Where a lab's blueprint is from: the reviewed catalogue, or a branch of its repository that nobody has reviewed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from commands import words
from commands.blueprints import proposals
from commands.blueprints.records import Blueprint
from commands.deps import Deps
from commands.engines.git.mirror import ChangedFile
from commands.request import Refused
from state import runs
from state.records import BranchCommit, Lab, Run, RunKind

FILES_SHOWN = 20
AT = "@"  # between a blueprint and a branch
_BY_THEMSELVES = ("rekey", "office_hours")  # they bring back what was approved before


@dataclass(frozen=True)
class Source:
    """A blueprint, and the commit that it is of. branch: that nobody has reviewed, with what is shown of it.

    notice: what whoever sees a run of it must know.
    """

    blueprint: Blueprint
    commit: str
    branch: str = ""
    branch_commit: BranchCommit | None = None
    diff: str = ""
    notice: str = ""


def reviewed(deps: Deps, name: str) -> Source:
    """What the catalogue has now, kept for as long as a lab is made from it. Raises Refused."""
    blueprint = deps.catalogue.get(name)
    commit = deps.catalogue.commit(blueprint)
    deps.catalogue.keep(blueprint, commit)
    return Source(blueprint, commit)


def asked_for(deps: Deps, word: str) -> Source:
    """What `BLUEPRINT` or `BLUEPRINT@BRANCH` means now. Raises Refused."""
    name, at, branch = word.partition(AT)
    return of_branch(deps, name, branch) if at else reviewed(deps, name)


def of_branch(deps: Deps, name: str, branch: str) -> Source:
    """What a branch has now: it is fetched. Its blueprint is under the rules of the reviewed one. Raises Refused."""
    found = proposals.proposal(deps.catalogue, branch)
    blueprint = proposals.blueprint_at(deps.catalogue, name, found.commit)
    shown = BranchCommit(
        author=f"{found.author_name} ({found.author_email})",
        committed_at=found.committed_at,
        files=tuple(_file_words(found.files_changed[:FILES_SHOWN])),
        files_changed=len(found.files_changed),
        held_back=proposals.held_back_at(deps.catalogue, name, found.commit),
    )
    return Source(blueprint, found.commit, branch, shown, found.diff)


def again(deps: Deps, lab: Lab, branch: str) -> Source:
    """What a lab is planned from when somebody asks for it again: what the branch has now. Raises Refused."""
    if not branch:
        return reviewed(deps, lab.blueprint)
    try:
        return of_branch(deps, lab.blueprint, branch)
    except Refused as refused:
        hint = f"Once it is merged, `/lab adopt {lab.name}` moves the lab to what was reviewed."
        raise Refused(f"{refused.sentence} {hint}", f"/lab adopt {lab.name}") from None


def of_lab(deps: Deps, lab: Lab, kind: RunKind = "apply") -> Source:
    """What a lab is made from, without looking for anything newer on its branch. Raises Refused.

    A destruction goes by what may have made something last, so that it knows all that is there. It goes on when the
    catalogue has the blueprint no more; new things are made of that no more.
    """
    begun = runs.last_begun(deps.database, lab.id) if kind == "destroy" else None
    made_by = lab if begun is None else begun
    if not (lab.branch and made_by.branch):
        commit = lab.commit if made_by.branch else made_by.commit
        return reviewed(deps, lab.blueprint) if kind == "apply" else _last_known(deps, lab.blueprint, commit)
    branch, commit = made_by.branch, made_by.commit
    return Source(proposals.blueprint_at(deps.catalogue, lab.blueprint, commit), commit, branch)


def _last_known(deps: Deps, name: str, commit: str) -> Source:
    """What the catalogue has now; where it can give that no more, what it was at that commit. Raises Refused."""
    try:
        return reviewed(deps, name)
    except Refused:
        blueprint = deps.catalogue.pinned(name, commit)
        lost = f"The catalogue has no {words.code(name)} that works any more: this goes by what the lab was made from."
        return Source(blueprint, commit, notice=lost)


def of_run(deps: Deps, lab: Lab, run: Run) -> Source:
    """What a run was planned from, and what was shown of it. Raises Refused."""
    return Source(blueprint_of(deps, lab, run), run.commit, run.branch, run.branch_commit)


def blueprint_of(deps: Deps, lab: Lab, run: Run | None = None) -> Blueprint:
    """The blueprint that a run was planned from; without one, that the lab was applied from. Raises Refused."""
    branch, commit = (lab.branch, lab.commit) if run is None else (run.branch, run.commit)
    if branch:
        return proposals.blueprint_at(deps.catalogue, lab.blueprint, commit)
    return deps.catalogue.pinned(lab.blueprint, commit)


def why_moved(deps: Deps, run: Run) -> str:
    """What has become of the branch since the run was planned; empty: nothing that matters. Raises RepositoryAway."""
    if not run.branch or run.kind != "apply" or run.cause in _BY_THEMSELVES:
        return ""
    return proposals.why_moved(deps.catalogue, run.branch, run.commit)


def _file_words(files: Sequence[ChangedFile]) -> list[str]:
    return [
        f"{words.cut(words.printable(each.path), 80)}"
        + (f" +{each.added_lines} −{each.removed_lines}" if each.added_lines is not None else " (not text)")
        for each in files
    ]
