"""What people do with an app that is an assistant, and what workflows have it do."""

from __future__ import annotations

from bot.playground import web_agents
from bot.playground.model import FunctionRun, Json, Message
from bot.playground.people import People


class Agents(People):
    """has_assistant: the app is one, so that each message to it that answers none begins a chat of its own."""

    has_assistant = False

    def start_thread(self, user: str, viewing: str = "") -> Message:
        """Begin a new chat with the app as an assistant. viewing: the channel that the person has open."""
        root, inner = web_agents.start_thread(self.workspace, user, viewing)
        self._event("assistant_thread_started", inner)
        return root

    def say(
        self,
        user: str,
        channel: str,
        text: str,
        thread_ts: str | Message | None = None,
        also_to_channel: bool = False,
    ) -> Message:
        if self.has_assistant and not thread_ts and self.workspace.channels[channel].is_im:
            thread_ts = self.start_thread(user)
        return super().say(user, channel, text, thread_ts, also_to_channel)

    def run_function(self, callback_id: str, inputs: Json) -> str:
        """Have a workflow do a step that is the app's. Gives the run's id."""
        run_id, inner = web_agents.start_function(self.workspace, callback_id, inputs)
        self._event("function_executed", inner)
        return run_id

    def function_run(self, run_id: str) -> FunctionRun:
        with self.workspace.lock:
            return self.workspace.function_runs[run_id]
