"""The second look at tests that failed beside others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIRST_FAILS = """
import pathlib, pytest

@pytest.mark.parametrize("number", range({tests}))
def test_it(number):
    looks = pathlib.Path(f"looks-{{number}}")
    seen = int(looks.read_text()) if looks.exists() else 0
    looks.write_text(str(seen + 1))
    assert seen >= {fails}
"""


@pytest.mark.parametrize(
    ("tests", "fails", "more", "status", "looks"),
    [
        pytest.param(2, 0, "", 0, "1", id="all pass"),
        pytest.param(2, 1, "-n 2", 0, "2", id="they pass alone"),
        pytest.param(1, 2, "", 1, "2", id="it fails alone, too"),
        pytest.param(5, 1, "", 1, "1", id="more than a few"),
    ],
)
def test_a_few_that_failed_are_judged_alone(
    tmp_path: Path, tests: int, fails: int, more: str, status: int, looks: str
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(FIRST_FAILS.format(tests=tests, fails=fails))
    done = subprocess.run(
        [sys.executable, "-m", "tests.alone", *more.split(), "test_it.py"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert (tmp_path / "looks-0").read_text() == looks
    assert ("Failed beside others" in done.stdout) == (looks == "2")
    assert ("Passed alone. Find out" in done.stdout) == (looks == "2" and status == 0)
