"""Slack's Web API over a local workspace: a table of plain functions, each (workspace, args) -> answer.

Source: https://docs.slack.dev/reference/methods
"""

from __future__ import annotations

from collections.abc import Callable

from bot.playground import (
    web_agents,
    web_chat,
    web_conversations,
    web_files,
    web_marks,
    web_people,
    web_scheduled,
    web_streams,
    web_views,
)
from bot.playground.arguments import FUNCTION_RUN
from bot.playground.model import Json, SlackError
from bot.playground.scopes import check_scope
from bot.playground.workspace import Workspace

GONE = ("channels.", "groups.", "im.", "mpim.", "files.upload", "rtm.")
PEOPLES = ("admin.", "search.", "reminders.", "stars.", "users.profile.set", "users.identity")  # no bot's
Method = Callable[[Workspace, Json], Json]


def answer(workspace: Workspace, method: str, args: Json, token: str) -> Json:
    """What Slack says to one call; never raises for what the app did wrong."""
    function = METHODS.get(method)
    wanted = workspace.app.app_token if method == "apps.connections.open" else workspace.app.bot_token
    try:
        if function is None:
            raise _not_served(method)
        if method != "api.test":
            args = args | {FUNCTION_RUN: _run_of(workspace, token)}
            _check_token(workspace, wanted if args[FUNCTION_RUN] else token, wanted)
        with workspace.lock:
            check_scope(workspace, method, args)
            return {"ok": True, **function(workspace, args)}
    except SlackError as problem:
        return error_answer(problem)
    except RecursionError:  # blocks within blocks within blocks
        return error_answer(SlackError("invalid_blocks"))


def _not_served(method: str) -> SlackError:
    """Slack's own word where an app would hear it there too; else that this workspace does not have it."""
    if method.startswith(GONE):
        return SlackError("method_deprecated")
    if method.startswith(PEOPLES):
        return SlackError("not_allowed_token_type")
    return SlackError("unknown_method", f"[ERROR] this workspace does not serve {method}")


def error_answer(problem: SlackError) -> Json:
    shape: Json = {"ok": False, "error": problem.code, **problem.more}
    if problem.messages:
        shape["response_metadata"] = {"messages": list(problem.messages)}
    return shape


def _run_of(workspace: Workspace, token: str) -> str:
    """The step of a workflow that a token was given for; empty for another token."""
    runs = list(workspace.function_runs.values())
    return next((run.id for run in runs if token and run.token == token), "")


def _check_token(workspace: Workspace, token: str, wanted: str) -> None:
    if not token:
        raise SlackError("not_authed")
    if token != wanted:
        known = token in (workspace.app.bot_token, workspace.app.app_token)
        raise SlackError("not_allowed_token_type" if known else "invalid_auth")


def api_test(workspace: Workspace, args: Json) -> Json:
    if args.get("error"):
        raise SlackError(str(args["error"]))
    return {"args": args}


def auth_test(workspace: Workspace, args: Json) -> Json:
    app = workspace.app
    return {
        "url": f"{workspace.base_url}/",
        "team": workspace.team.name,
        "user": workspace.users[app.user_id].name,
        "team_id": workspace.team.id,
        "user_id": app.user_id,
        "bot_id": app.bot_id,
        "is_enterprise_install": False,
    }


def team_info(workspace: Workspace, args: Json) -> Json:
    team = workspace.team
    where = {"domain": team.domain, "email_domain": f"{team.domain}.test", "url": f"{workspace.base_url}/"}
    return {"team": {"id": team.id, "name": team.name, **where, "icon": {"image_default": True}}}


def bots_info(workspace: Workspace, args: Json) -> Json:
    app, wanted = workspace.app, str(args.get("bot") or workspace.app.bot_id)
    if wanted != app.bot_id:
        raise SlackError("bot_not_found")
    bot = {"id": app.bot_id, "app_id": app.id, "user_id": app.user_id, "name": app.name, "deleted": False}
    return {"bot": bot}


def emoji_list(workspace: Workspace, args: Json) -> Json:
    return {"emoji": dict(workspace.emoji), "cache_ts": str(int(workspace.clock()))}


def connections_open(workspace: Workspace, args: Json) -> Json:
    address = workspace.base_url.replace("http", "ws", 1)
    return {"url": f"{address}/link/?ticket={workspace.tickets.issue_socket()}&app_id={workspace.app.id}"}


METHODS: dict[str, Method] = {
    "api.test": api_test,
    "auth.test": auth_test,
    "team.info": team_info,
    "bots.info": bots_info,
    "emoji.list": emoji_list,
    "apps.connections.open": connections_open,
    **web_agents.METHODS,
    **web_chat.METHODS,
    **web_conversations.METHODS,
    **web_files.METHODS,
    **web_marks.METHODS,
    **web_people.METHODS,
    **web_scheduled.METHODS,
    **web_streams.METHODS,
    **web_views.METHODS,
}
