"""The start of the bot, and from `/lab up sandbox NAME` to its card, against Terraform by hand.

By hand is `terraform init && terraform plan -out && terraform show -json` with the same Terraform on a copy of the
same module. Its state is local, the fastest there is, and it does not call home. Nobody judges that plan, so for
like with like the catalogue has no policies; with them the plan's values are read and judged before the card is there.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from bench.measure import Measure, Tell, absolute, ratio
from bench.parts import LABS, Parts, bot, outer_environment
from commands.guardrails import folder

ROUNDS = 7
IDLE_SECONDS = 2.0
COLD_LIMIT, WARM_LIMIT, GUARDED_LIMIT = 1.5, 1.0, 1.5
READY_LIMIT_SECONDS, RESIDENT_LIMIT_MEGABYTES = 1.5, 120

_BY_HAND = """\
"$TERRAFORM" init -input=false -no-color &&
"$TERRAFORM" plan -input=false -no-color -var "lab=$LAB" -out=tfplan &&
"$TERRAFORM" show -json -no-color tfplan
"""


def measure(parts: Parts, rounds: int, tell: Tell) -> list[Measure]:
    """Each round starts a new bot with nothing cached: ready, idle, the first lab (cold), the second, a judged one."""
    ready, resident = list[float](), list[float]()
    cold, warm, guarded = (list[tuple[float, float]]() for _ in range(3))
    labs = parts.folder / "card-labs"
    shutil.copytree(LABS, labs)
    parts = replace(parts, environment={**parts.environment, "LABS_PATH": str(labs)})
    policies, aside = folder(labs), labs / ".policy"
    for number in range(rounds):
        tell(f"start and card, round {number + 1} of {rounds}")
        policies.rename(aside)
        with bot(parts, f"card-{number}") as serving:
            ready.append(serving.ready_seconds)
            parts.slack.deliver_to(f"http://127.0.0.1:{serving.port}/slack/events")
            time.sleep(IDLE_SECONDS)
            resident.append(serving.resident_megabytes())
            module = _copied(parts.folder / f"hand-{number}")
            for name, pairs in (
                (f"cold-{number}", cold),
                (f"warm-{number}", warm),
                (f"judged-{number}", guarded),
            ):
                theirs = _by_hand(module, name)
                if pairs is guarded:
                    aside.rename(policies)
                pairs.append(
                    (parts.slack.seconds_to_card(f"/lab up sandbox {name}", f"{name}: proposed"), theirs)
                )
                time.sleep(IDLE_SECONDS / 4)  # what comes after the card is over then
    return [
        ratio("request to card, cold", cold, COLD_LIMIT),
        ratio("request to card, warm", warm, WARM_LIMIT),
        ratio("request to judged card, warm", guarded, GUARDED_LIMIT),
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
