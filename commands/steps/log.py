"""What Terraform says in a run: read for progress and ends, and kept readable in a file, secrets taken out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from commands.engines.terraform import events as events
from commands.engines.terraform.engine import scrub
from commands.steps.inputs import UNKNOWN
from state.records import Counts, PlannedChange

_HIDDEN = "(not repeated: the secrets that it may hold cannot be read from Vault now)"


class RunLog:
    """Collects the JSON lines of one Terraform command, and writes DATA_PATH/logs/RUN.log as they come.

    Everything that it gives is clean: secrets are known values, taken out of every text and every output.
    """

    def __init__(
        self, data_path: Path, run_id: str, secrets: tuple[str, ...], planned: Counts | None = None
    ) -> None:
        folder = data_path / "logs"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{run_id}.log"
        self._path.write_text("")
        self._path.chmod(0o600)
        self._secrets = secrets
        self._planned = planned or Counts()
        self._lines: list[dict[str, Any]] = []

    def add(self, lines: Iterable[dict[str, Any]]) -> None:
        """Take new lines in."""
        new = list(lines)
        if not new:
            return
        self._lines += new
        self._secrets = (*self._secrets, *(str(value) for value in events.sensitive_outputs(new)))
        with self._path.open("a") as file:
            file.write(self.clean(events.readable(new)) + "\n")

    def clean(self, text: str) -> str:
        """The text without the run's secrets."""
        return _HIDDEN if UNKNOWN[0] in self._secrets else scrub(text, self._secrets)

    @property
    def changes(self) -> tuple[PlannedChange, ...]:
        """What a plan would do."""
        return events.planned_changes(self._lines)

    @property
    def counts(self) -> Counts:
        """What a plan would do, in sums."""
        return events.counts(self._lines)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What Terraform warned of, failed checks among it."""
        return tuple(self.clean(each) for each in events.warnings(self._lines))

    @property
    def progress(self) -> events.Doing:
        """How far an apply is."""
        return events.doing(self._lines, self._planned)

    @property
    def is_stale(self) -> bool:
        """Whether Terraform refused the plan since the state has moved."""
        return events.is_stale(self._lines)

    @property
    def outputs(self) -> dict[str, Any]:
        """What an apply answered, sensitive values as `(sensitive)`, other secrets taken out."""
        return {name: self._clean_value(value) for name, value in events.outputs(self._lines).items()}

    def why(self) -> str:
        """Terraform's own reason for its end, with file and line."""
        return self.clean(events.failed(self._lines).sentence())

    def _clean_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, list):
            return [self._clean_value(each) for each in value]
        if isinstance(value, dict):
            return {key: self._clean_value(each) for key, each in value.items()}
        return value
