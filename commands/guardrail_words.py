"""What the guardrails say, in one line. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from commands import words
from state.records import Finding, Verdict

FINDINGS_SHOWN = 3


def verdict_words(verdict: Verdict) -> str:
    """`Guardrails: 11 passed · 1 warning: *ssh is open to 10.0.0.0/8*`."""
    parts = [f"Guardrails: {verdict.passed} passed"]
    if verdict.denials:
        parts.append(f"denied: {_findings(verdict.denials)}")
    if verdict.warnings:
        parts.append(f"{words.plural(len(verdict.warnings), 'warning')}: {_findings(verdict.warnings)}")
    return " · ".join(parts)


def report(verdict: Verdict) -> str:
    """All of it, a line each."""
    told = [*(("denied", each) for each in verdict.denials), *(("warned", each) for each in verdict.warnings)]
    lines = [f"{what}  {each.policy}: {each.message}{_where(each)}" for what, each in told]
    return "\n".join([*lines, f"passed  {words.plural(verdict.passed, 'policy', 'policies')}"])


def is_cut(verdict: Verdict) -> bool:
    """Whether verdict_words() leaves something out."""
    return max(len(verdict.denials), len(verdict.warnings)) > FINDINGS_SHOWN


def _findings(findings: Sequence[Finding]) -> str:
    shown = [f"*{_said(each.message, 300)}*{_said(_where(each), 100)}" for each in findings[:FINDINGS_SHOWN]]
    more = len(findings) - len(shown)
    return ", ".join([*shown, *([f"and {more:,} more, in the thread"] if more else [])])


def _where(finding: Finding) -> str:
    if not finding.file or finding.file in finding.message:
        return ""
    return f" ({finding.file}:{finding.line})" if finding.line else f" ({finding.file})"


def _said(text: str, limit: int) -> str:
    """Somebody's words, none of which is markup."""
    plain = words.plain(words.printable(text)).translate(_PLAIN).rstrip(". ")
    return words.cut(plain, limit)


_PLAIN = str.maketrans({"*": "∗", "`": "'", "~": "∼"})
