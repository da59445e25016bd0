"""`python -m tests.alone PYTEST-ARGUMENTS…`: all tests beside one another, and those that failed once more, alone.

Tests share a machine in `make test`, which may leave a process or a thread of one waiting longer than it allows. That
says nothing about the code, so the few that failed are judged once more with the machine to themselves. It is said
that they failed at first: what fails beside others is to be understood, not to be forgotten. More than a few at once
get no second look.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MOST = 4


class Failures:
    """What failed."""

    def __init__(self) -> None:
        self.tests: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.nodeid not in self.tests:
            self.tests.append(report.nodeid)


def main(arguments: list[str]) -> int:
    """Give pytest's exit code, of the second look where there was one."""
    failures = Failures()
    status = int(pytest.main(arguments, plugins=[failures]))
    if status != pytest.ExitCode.TESTS_FAILED or not 0 < len(failures.tests) <= MOST:
        return status
    print("Failed beside others, and judged alone now:", *failures.tests, sep="\n  ", flush=True)
    again = subprocess.run([sys.executable, "-m", "pytest", *failures.tests], check=False)
    if again.returncode == 0:
        print("Passed alone. Find out what made them fail beside others:", *failures.tests, sep="\n  ")
    return again.returncode


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    sys.exit(main(sys.argv[1:]))
