"""The step test: the lab is looked at from outside, as its user would, and what was found stands on the card."""

from __future__ import annotations

from commands.checks import checking
from commands.engines.checks import looking as checks
from commands.engines.checks.looking import Result
from commands.steps.step import Done, StepFailed, StepInterrupted, Work
from commands.words import plural
from state import checks as checks_table
from state.checks import CheckResult


def perform(work: Work) -> Done:
    """Do the blueprint's checks, several at once, each again until its `within` is over.

    Raises StepFailed, StepInterrupted, VaultError.
    """
    results = found(work)
    if work.stopping.is_set():
        raise StepInterrupted
    if work.is_cancelled():
        raise StepFailed("Stopped.")
    now = work.deps.now()
    rows = [
        CheckResult(
            work.run.id,
            place,
            each.name,
            "passed" if each.is_good else "failed",
            each.sentence,
            each.took_ms,
            now,
        )
        for place, each in enumerate(results)
    ]
    checks_table.record(work.deps.database, work.run.id, rows)
    bad = [each for each in results if not each.is_good]
    if bad:
        first = f"{bad[0].name}: {bad[0].sentence}"
        raise StepFailed(f"{len(bad)} of {plural(len(results), 'check')} failed: {first}.", table(results))
    return Done(f"{len(results)} of {len(results)}")


def found(work: Work) -> list[Result]:
    """How each check went, without secrets. Raises VaultError."""
    asked = work.blueprint.checks
    with checking.scene(work, asked) as scene:
        probes = checking.probes(scene, asked)

        def tell(done: int) -> None:
            work.progress(f"{done} of {len(probes)}")

        results = checks.run(probes, lambda: work.stopping.is_set() or work.is_cancelled(), tell)
        return checking.clean(results, scene.seen.secrets)


def table(results: list[Result]) -> str:
    """One line for each check, for a file in the thread."""
    return "\n".join(f"{'✓' if each.is_good else '✗'} {each.name} {each.sentence}" for each in results)
