"""What a card shows reviewers of a branch and of the guardrails, whatever strangers have written there."""

from __future__ import annotations

from bot.views.review_lines import branch_lines, guardrail_lines, made_from
from commands.guardrail_words import report, verdict_words
from state.records import BranchCommit, Finding, Verdict
from state.transitions import RunState
from tests.state.examples import NOW, a_run

FILES = tuple(f"web/{number}.tf +1 −0" for number in range(20))


def test_the_files_of_a_branch_are_counted() -> None:
    few = a_run(branch="a", commit="c" * 40, branch_commit=BranchCommit("Anna (a@b)", NOW, FILES[:1], 1))
    head, files = branch_lines(few)
    assert head.startswith("Not reviewed yet: `a` at `cccccccccc` by Anna (a@b), <!date^")
    assert files == "1 file differs from what was reviewed: `web/0.tf +1 −0`"
    many = a_run(branch="a", commit="c" * 40, branch_commit=BranchCommit("Anna", NOW, FILES, 1234))
    assert branch_lines(many)[1].endswith("`web/4.tf +1 −0`  and 1,229 more")
    none = a_run(branch="a", branch_commit=BranchCommit("Anna", NOW))
    assert branch_lines(none)[0].endswith("No file differs from what was reviewed.")
    assert branch_lines(a_run()) == []


def test_strangers_words_are_no_markup() -> None:
    evil = BranchCommit("*<!channel>* `x` <@U1>", NOW, ("<!here>`*.tf +1 −0",), 1)
    shown = "\n".join(branch_lines(a_run(branch="<@U1>`", branch_commit=evil)))
    assert "<!channel>" not in shown
    assert "<!here>" not in shown
    assert "<@U1>" not in shown
    verdict = Verdict(warnings=(Finding("one", "<!channel> *b* `c` <@U1>", file="<!here>.tf", line=3),))
    [said] = guardrail_lines(a_run(state=RunState.PROPOSED, verdict=verdict))
    assert said == "Guardrails: 0 passed · 1 warning: *!channel ∗b∗ 'c' @U1* (!here.tf:3)"


def test_a_verdict_in_one_line_and_in_all() -> None:
    denials = tuple(Finding(f"p{number}", f"No {number}.", number > 0) for number in range(4))
    verdict = Verdict(denials, (Finding("w", "Perhaps."),), 11)
    assert verdict_words(verdict) == (
        "Guardrails: 11 passed · denied: *No 0*, *No 1*, *No 2*, and 1 more, in the thread · 1 warning: *Perhaps*"
    )
    assert report(verdict).splitlines()[-2:] == ["warned  w: Perhaps.", "passed  11 policies"]
    assert guardrail_lines(a_run(state=RunState.FAILED, verdict=verdict)) == []


def test_where_a_run_is_from() -> None:
    assert made_from(a_run(commit="0123456789"), "web") == "web at 0123456"
    assert made_from(a_run(commit="0123456789", branch="a*b"), "web") == "web@a∗b at 0123456"
