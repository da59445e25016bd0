"""`/lab adopt`: a lab that was planned from a branch goes on from what was reviewed, once the branch is merged."""

from __future__ import annotations

from commands.blueprints import proposals, refreshing, sources
from commands.blueprints.git_catalogue import SHOWN
from commands.deps import Deps
from commands.labs import lab_called, plan_again, require_may_run, values_for
from commands.request import Outcome, Refused, Request
from commands.words import code


def adopt(request: Request, deps: Deps) -> Outcome:
    """`/lab adopt NAME`: plan the lab from the reviewed catalogue, with the approvals that this asks for."""
    if len(request.words) != 3:
        raise Refused("Say which lab goes on from what was reviewed.", "/lab adopt demo")
    lab = lab_called(deps, request.words[2])
    require_may_run(request, lab)
    if not lab.branch:
        raise Refused(f"*{lab.name}* is from the reviewed catalogue already.", f"/lab plan {lab.name}")
    refreshing.refresh(deps, deps.now())  # it was merged a moment ago, perhaps
    if not proposals.is_merged(deps.catalogue, lab.commit):
        raise Refused(
            f"*{lab.name}* is from the branch {code(lab.branch, 80)}, and its commit `{lab.commit[:SHOWN]}` is not "
            f"merged. Merge it first; until then the lab can be planned from its branch again.",
            f"/lab plan {lab.name}",
        )
    source = sources.reviewed(deps, lab.blueprint)
    variables = values_for(source.blueprint, lab, {})
    return plan_again(request, deps, lab, "apply", variables, request.id, source)
