"""The bot as a process of its own: started, killed, stopped, and seen from outside."""

from __future__ import annotations

import contextlib
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import requests

from bot.playground.ports import free_port
from tests.integration.laptop import terraform_command
from tests.waiting import until

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = (
    30.0  # for what is there in one when all goes well: on a busy machine it takes longer, and comes too
)

# Terraform, any command of which can be held before it begins.
_TERRAFORM = """\
#!/bin/sh
n=0
while [ -e "{folder}/hold-$1" ] && [ $n -lt 4000 ]; do
  echo $$ > "{folder}/held-$1"
  sleep 0.05
  n=$((n+1))
done
exec {command} "$@"
"""


class BotProcess:
    """start, kill (SIGKILL) and stop (SIGTERM). Its environment is what the variables say, and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.environment: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self._spawned: list[subprocess.Popen[bytes]] = []
        self.terraform = folder / "terraform"
        command = shlex.join(terraform_command(folder))
        self.terraform.write_text(_TERRAFORM.format(folder=folder, command=command))
        self.terraform.chmod(0o755)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        return (self.folder / "bot.log").read_text(errors="replace")

    @property
    def lives(self) -> bool:
        """Whether the bot was started, and has not ended since."""
        return self.process is not None and self.process.poll() is None

    def start(self, **more: str) -> None:
        """Start the bot and wait until it is ready."""
        self.process = self.spawn("serve", **more)
        until(self._is_ready, 2 * PATIENCE_SECONDS)

    def spawn(self, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
        """A process of the bot's, its output in bot.log."""
        with (self.folder / "bot.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bot", *arguments],
                cwd=REPOSITORY,
                env={**self.environment, **more},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._spawned.append(process)
        return process

    def kill(self) -> None:
        """SIGKILL to the bot, and to nothing else."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self) -> int:
        """SIGTERM, after which it ends soon. Gives the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE_SECONDS)
        self.process = None
        return status

    @contextlib.contextmanager
    def held_still(self) -> Iterator[None]:
        """The bot does nothing meanwhile, and knows nothing of it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def runs_bot(self, *arguments: str, **more: str) -> tuple[int, str]:
        """A command of the command line: its exit status, and all that it says."""
        done = subprocess.run(
            [sys.executable, "-m", "bot", *arguments],
            cwd=REPOSITORY,
            env={name: value for name, value in {**self.environment, **more}.items() if value},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=4 * PATIENCE_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout

    def end(self) -> None:
        """End what was spawned and every Terraform of its runs, however they are."""
        self.let_go()
        for spawned in self._spawned:
            spawned.kill()
            spawned.wait()
        self.end_terraforms()

    def end_terraforms(self) -> None:
        """SIGKILL to every Terraform of its runs, as if the machine stopped.

        All are stopped first: whoever waits for one of them would else live to write down how that has ended.
        """
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in self.terraforms():
                with contextlib.suppress(psutil.Error):  # it may end by itself meanwhile
                    process.send_signal(number)

    def hold(self, command: str) -> None:
        """From now on Terraform does not begin to `plan`, `show`, … before let_go."""
        (self.folder / f"held-{command}").unlink(missing_ok=True)
        (self.folder / f"hold-{command}").touch()

    def is_held(self, command: str) -> bool:
        return (self.folder / f"held-{command}").exists()

    def let_go(self) -> None:
        for path in self.folder.glob("hold-*"):
            path.unlink()

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.address}{path}", timeout=PATIENCE_SECONDS)

    def terraforms(self) -> list[psutil.Process]:
        """The living processes that work in a folder of a run's."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if str(self.data / "runs") in process.cwd() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"The bot has ended:\n{self.log[-3000:]}"
        try:
            return self.get("/readyz").status_code == 200
        except requests.RequestException:
            return False
