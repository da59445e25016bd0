"""What commands and steps work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from commands.authorise import Standing
from commands.blueprints.catalogue import Catalogue
from commands.costs.spent import DailyCosts
from commands.engines.ansible.playbook import Ansible, RunnerAnsible
from commands.engines.terraform.engine import Terraform
from commands.engines.vault.protocol import Vault
from commands.pictures import Life, Picture, Plan, undrawn
from state.database import Database
from state.records import Person, StepName

if TYPE_CHECKING:
    from commands.steps.step import StepModule


@dataclass(frozen=True)
class Deps:
    """Built once, in bot/build.py, or by a test out of fakes."""

    database: Database
    vault: Vault
    terraform: Terraform
    catalogue: Catalogue
    standing: Callable[[Person], Standing]  # what Slack says of a person, asked afresh: bot/people.py
    now: Callable[[], datetime]
    base_url: str  # where Terraform reaches /tfstate
    data_path: Path
    plan_ttl_seconds: int
    allowed_channels: tuple[str, ...] = ()  # empty: all
    ansible: Ansible = field(default_factory=RunnerAnsible)  # it has no settings, so nothing is wired
    draw_costs: Callable[[DailyCosts], Picture | None] = undrawn  # bot/pictures/costs.py
    draw_plan: Callable[[Plan], Picture | None] = undrawn  # bot/pictures/plan_graph.py
    draw_life: Callable[[Life], Picture | None] = undrawn  # bot/pictures/timeline.py
    steps: Mapping[StepName, StepModule] = field(default_factory=dict)  # those after provision
    pause: Callable[[Event, float], object] = Event.wait  # so many seconds, or until that is set
