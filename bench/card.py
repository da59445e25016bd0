"""The start of the bot, and from `/lab up sandbox NAME` to its card, against Terraform by hand.

By hand is `terraform init && terraform plan -out && terraform show -json` with the same Terraform on a copy of the
same module. Its state is local, the fastest there is, and it does not call home.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from bench.measure import Measure, Tell, absolute, ratio
from bench.parts import LABS, Parts, bot, outer_environment

ROUNDS = 7
IDLE_SECONDS = 2.0
COLD_LIMIT, WARM_LIMIT = 1.5, 1.0
READY_LIMIT_SECONDS, RESIDENT_LIMIT_MEGABYTES = 1.5, 120

_BY_HAND = """\
"$TERRAFORM" init -input=false -no-color &&
"$TERRAFORM" plan -input=false -no-color -var "lab=$LAB" -out=tfplan &&
"$TERRAFORM" show -json -no-color tfplan
"""


def measure(parts: Parts, rounds: int, tell: Tell) -> list[Measure]:
    """Each round starts a new bot with nothing cached: ready, idle, the first lab (cold), the second (warm)."""
    ready, resident = list[float](), list[float]()
    cold, warm = list[tuple[float, float]](), list[tuple[float, float]]()
    for number in range(rounds):
        tell(f"start and card, round {number + 1} of {rounds}")
        with bot(parts, f"card-{number}") as serving:
            ready.append(serving.ready_seconds)
            parts.slack.deliver_to(f"http://127.0.0.1:{serving.port}/slack/events")
            time.sleep(IDLE_SECONDS)
            resident.append(serving.resident_megabytes())
            module = _copied(parts.folder / f"hand-{number}")
            for name, pairs in ((f"cold-{number}", cold), (f"warm-{number}", warm)):
                theirs = _by_hand(module, name)
                pairs.append(
                    (parts.slack.seconds_to_card(f"/lab up sandbox {name}", f"{name}: proposed"), theirs)
                )
                time.sleep(IDLE_SECONDS / 4)  # what comes after the card is over then
    return [
        ratio("request to card, cold", cold, COLD_LIMIT),
        ratio("request to card, warm", warm, WARM_LIMIT),
        absolute("ready after its start", ready, READY_LIMIT_SECONDS, "s"),
        absolute("resident when idle", resident, RESIDENT_LIMIT_MEGABYTES, "MB"),
    ]


def _copied(folder: Path) -> Path:
    shutil.copytree(LABS / "sandbox", folder)
    return folder


def _by_hand(module: Path, lab: str) -> float:
    environment = {**outer_environment(), "CHECKPOINT_DISABLE": "1", "TERRAFORM": "terraform", "LAB": lab}
    began = time.perf_counter()
    done = subprocess.run(["/bin/sh", "-c", _BY_HAND], cwd=module, env=environment, capture_output=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"Terraform by hand ended with {done.returncode}:\n{done.stderr.decode()[-2000:]}")
    return seconds
