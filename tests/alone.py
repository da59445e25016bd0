"""`python -m tests.alone PYTEST-ARGUMENTS…`: all tests beside one another, and those that failed once more, alone.

Tests with real parts share a machine in `make test`, which may leave one of them waiting longer than it allows. That
says nothing about the code, so the few that failed are judged once more with the machine to themselves. It is said
that they failed at first: what fails beside others is to be understood, not to be forgotten. A test with fakes alone,
or more than a few at once, gets no second look.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MOST = 4


class Failures:
    """What failed, and whether a second look may be taken at all of it."""

    def __init__(self) -> None:
        self.tests: list[str] = []
        self.others = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.nodeid not in self.tests:
            self.tests.append(report.nodeid)
            self.others |= "integration" not in report.keywords

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.others |= report.failed

    def deserve_another_look(self, status: int) -> bool:
        """Tell whether these are a few, all of them with real parts, and nothing else went wrong."""
        return status == pytest.ExitCode.TESTS_FAILED and not self.others and 0 < len(self.tests) <= MOST


def main(arguments: list[str]) -> int:
    """Give pytest's exit code, of the second look where there was one."""
    failures = Failures()
    status = int(pytest.main(arguments, plugins=[failures]))
    if not failures.deserve_another_look(status):
        return status
    print("Failed beside others, and judged alone now:", *failures.tests, sep="\n  ", flush=True)
    again = subprocess.run([sys.executable, "-m", "pytest", *failures.tests], check=False)
    if again.returncode == 0:
        print("Passed alone. Find out what made them fail beside others:", *failures.tests, sep="\n  ")
    return again.returncode


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    sys.exit(main(sys.argv[1:]))
