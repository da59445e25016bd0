"""assistant.threads.* and functions.*: apps that are talked with, and steps of workflows.

Sources: https://docs.slack.dev/ai/developing-agents and https://docs.slack.dev/workflows/workflow-steps
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from bot.playground.arguments import joined_channel_of, needed, structure
from bot.playground.model import FunctionRun, Json, Message, SlackError
from bot.playground.web_chat import end_status
from bot.playground.workspace import Workspace

ASSISTANT_THREAD = "assistant_app_thread"  # the subtype of such a thread's first message
MOST_PROMPTS = 4


def start_thread(workspace: Workspace, user: str, viewing: str = "") -> tuple[Message, Json]:
    """A new conversation with the app as an assistant, and the event that tells of it. viewing: the open channel."""
    channel = workspace.direct_channel(user)
    title = "New chat"
    root = Message(workspace.next_ts(), channel.id, user, title, subtype=ASSISTANT_THREAD)
    workspace.put_message(root)
    context = {"channel_id": viewing, "team_id": workspace.team.id} if viewing else {}
    thread = {"user_id": user, "context": context, "channel_id": channel.id, "thread_ts": root.ts}
    inner = {"type": "assistant_thread_started", "assistant_thread": thread}
    return root, {**inner, "event_ts": workspace.next_ts()}


def _thread(workspace: Workspace, args: Json) -> Message:
    channel = joined_channel_of(workspace, {"channel": needed(args, "channel_id")})
    root = workspace.messages.get(needed(args, "thread_ts"))
    if root is None or root.channel != channel.id:
        raise SlackError("invalid_thread_ts")
    return root


def set_status(workspace: Workspace, args: Json) -> Json:
    """What the app is busy with, until it answers or says that it is no more."""
    root, status = _thread(workspace, args), str(args.get("status") or "")
    thread = root.thread_ts or root.ts
    end_status(workspace, thread)
    if status:
        shown = f"_{workspace.app.name} {status}_"
        workspace.statuses[thread] = workspace.say_as_slack(root.user, root.channel, shown, thread).ts
    return {}


def set_title(workspace: Workspace, args: Json) -> Json:
    root = _thread(workspace, args)
    title = needed(args, "title")
    if root.subtype == ASSISTANT_THREAD:
        workspace.put_message(replace(root, text=title))
    return {}


def set_suggested_prompts(workspace: Workspace, args: Json) -> Json:
    """Shown to the person alone, in the thread."""
    root = _thread(workspace, args)
    prompts: Any = structure(args, "prompts")
    is_list = isinstance(prompts, list) and all(isinstance(each, dict) for each in prompts)
    if not is_list or not all(each.get("title") and each.get("message") for each in prompts):
        raise SlackError("invalid_arguments", "[ERROR] prompts need a title and a message each")
    if len(prompts) > MOST_PROMPTS:
        raise SlackError("invalid_arguments", f"[ERROR] no more than {MOST_PROMPTS} items allowed")
    lines = [str(args.get("title") or "Try one of these:")]
    lines += [
        f"• {each['title']}" + (f": {each['message']}" if each["message"] != each["title"] else "")
        for each in prompts
    ]
    workspace.say_as_slack(root.user, root.channel, "\n".join(lines), root.thread_ts or root.ts)
    return {}


# Steps of workflows


def start_function(workspace: Workspace, callback_id: str, inputs: Json) -> tuple[str, Json]:
    """A step of a workflow that the app is to do: the id of this run, and the event that tells of it."""
    run_id = workspace.next_id("Fx")
    token = f"xwfp-local-{secrets.token_urlsafe(16)}"
    workspace.function_runs[run_id] = FunctionRun(run_id, callback_id, inputs, token)
    now = int(workspace.clock())
    function = {
        "id": f"Fn{callback_id}",
        "callback_id": callback_id,
        "title": callback_id,
        "description": "",
        "type": "app",
        "input_parameters": [],
        "output_parameters": [],
        "app_id": workspace.app.id,
        "date_created": now,
        "date_updated": now,
        "date_deleted": 0,
    }
    inner = {
        "type": "function_executed",
        "function": function,
        "inputs": inputs,
        "function_execution_id": run_id,
        "workflow_execution_id": workspace.next_id("Wx"),
        "bot_access_token": token,
        "event_ts": workspace.next_ts(),
    }
    return run_id, inner


def _run(workspace: Workspace, args: Json) -> FunctionRun:
    run = workspace.function_runs.get(needed(args, "function_execution_id"))
    if run is None:
        raise SlackError("function_execution_not_found")
    if run.state != "running":
        raise SlackError("execution_not_in_running_state")
    return run


def complete_success(workspace: Workspace, args: Json) -> Json:
    run, outputs = _run(workspace, args), structure(args, "outputs")
    if not isinstance(outputs, dict):
        raise SlackError("invalid_arguments", "[ERROR] outputs must be an object")
    workspace.function_runs[run.id] = replace(run, state="completed", outputs=outputs)
    return {}


def complete_error(workspace: Workspace, args: Json) -> Json:
    run = _run(workspace, args)
    workspace.function_runs[run.id] = replace(run, state="failed", error=needed(args, "error"))
    return {}


METHODS = {
    "assistant.threads.setStatus": set_status,
    "assistant.threads.setTitle": set_title,
    "assistant.threads.setSuggestedPrompts": set_suggested_prompts,
    "functions.completeSuccess": complete_success,
    "functions.completeError": complete_error,
}
