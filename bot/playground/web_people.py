"""users.*, usergroups.*, dnd.*: who is there.

Source: https://docs.slack.dev/reference/methods/users.info and its neighbours
"""

from __future__ import annotations

import re

from bot.playground.arguments import flag, needed, page_of, user_of
from bot.playground.model import Json, SlackError
from bot.playground.shapes import address_of, user_json
from bot.playground.workspace import Workspace


def users_info(workspace: Workspace, args: Json) -> Json:
    return {"user": user_json(workspace, user_of(workspace, args))}


def users_lookup_by_email(workspace: Workspace, args: Json) -> Json:
    email = needed(args, "email")
    for user in workspace.users.values():
        if address_of(workspace, user) == email and not user.is_bot and not user.deleted:
            return {"user": user_json(workspace, user)}
    raise SlackError("users_not_found")


def users_profile_get(workspace: Workspace, args: Json) -> Json:
    user = user_of(workspace, {"user": args.get("user") or workspace.app.user_id})
    return {"profile": user_json(workspace, user)["profile"]}


def users_list(workspace: Workspace, args: Json) -> Json:
    home = [user for user in workspace.users.values() if user.team_id == workspace.team.id]
    members, following = page_of(home, args)
    return {
        "members": [user_json(workspace, user) for user in members],
        "cache_ts": int(workspace.clock()),
        "response_metadata": {"next_cursor": following},
    }


def users_get_presence(workspace: Workspace, args: Json) -> Json:
    """Whoever may be played at the page is there."""
    user = user_of(workspace, {"user": args.get("user") or workspace.app.user_id})
    return {"presence": "away" if user.deleted else "active"}


def users_set_presence(workspace: Workspace, args: Json) -> Json:
    if needed(args, "presence") not in ("auto", "away"):
        raise SlackError("invalid_presence")
    return {}


NO_SNOOZE = {"dnd_enabled": False, "next_dnd_start_ts": 1, "next_dnd_end_ts": 1}


def dnd_info(workspace: Workspace, args: Json) -> Json:
    """Nobody is disturbed here."""
    user_of(workspace, {"user": args.get("user") or workspace.app.user_id})
    return {**NO_SNOOZE, "snooze_enabled": False}


def dnd_team_info(workspace: Workspace, args: Json) -> Json:
    users = str(args.get("users") or "").replace(" ", "").split(",")
    return {"users": {user: NO_SNOOZE for user in users if user in workspace.users}}


def _usergroup(workspace: Workspace, args: Json) -> Json:
    found = workspace.usergroups.get(needed(args, "usergroup"))
    if found is None:
        raise SlackError("no_such_subteam")
    return found


def _shown(group: Json, args: Json) -> Json:
    """With its members and their number where these are asked for."""
    hidden = {
        name for name in ("users", "user_count") if not flag(args, f"include_{name.replace('user_', '')}")
    }
    return {key: value for key, value in group.items() if key not in hidden}


def usergroups_list(workspace: Workspace, args: Json) -> Json:
    groups = [
        group
        for group in workspace.usergroups.values()
        if not group["date_delete"] or flag(args, "include_disabled")
    ]
    return {"usergroups": [_shown(group, args) for group in groups]}


def usergroups_create(workspace: Workspace, args: Json) -> Json:
    name = needed(args, "name")
    handle = str(args.get("handle") or re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-"))
    if any(group["name"] == name for group in workspace.usergroups.values()):
        raise SlackError("name_already_exists")
    if any(group["handle"] == handle for group in workspace.usergroups.values()):
        raise SlackError("handle_already_exists")
    now = int(workspace.clock())
    group: Json = {
        "id": workspace.next_id("S"),
        "team_id": workspace.team.id,
        "is_usergroup": True,
        "name": name,
        "description": str(args.get("description") or ""),
        "handle": handle,
        "is_external": False,
        "date_create": now,
        "date_update": now,
        "date_delete": 0,
        "created_by": workspace.app.user_id,
        "updated_by": workspace.app.user_id,
        "deleted_by": "",
        "prefs": {"channels": _listed(args, "channels"), "groups": []},
        "users": [],
        "user_count": 0,
    }
    workspace.usergroups[group["id"]] = group
    return {"usergroup": _changed(workspace, group, "subteam_created")}


def usergroups_update(workspace: Workspace, args: Json) -> Json:
    group = _usergroup(workspace, args)
    group |= {key: str(args[key]) for key in ("name", "handle", "description") if args.get(key)}
    if args.get("channels") is not None:
        group["prefs"] = {**group["prefs"], "channels": _listed(args, "channels")}
    return {"usergroup": _changed(workspace, group)}


def usergroups_disable(workspace: Workspace, args: Json) -> Json:
    group = _usergroup(workspace, args)
    group |= {"date_delete": int(workspace.clock()), "deleted_by": workspace.app.user_id}
    return {"usergroup": _changed(workspace, group)}


def usergroups_enable(workspace: Workspace, args: Json) -> Json:
    group = _usergroup(workspace, args)
    group |= {"date_delete": 0, "deleted_by": ""}
    return {"usergroup": _changed(workspace, group)}


def usergroups_users_list(workspace: Workspace, args: Json) -> Json:
    return {"users": list(_usergroup(workspace, args)["users"])}


def usergroups_users_update(workspace: Workspace, args: Json) -> Json:
    """All who are in it from now on."""
    group, users = _usergroup(workspace, args), _listed(args, "users")
    if not users:
        raise SlackError("no_users_provided")
    if not set(users) <= set(workspace.users):
        raise SlackError("invalid_users")
    group |= {"users": users, "user_count": len(users)}
    return {"usergroup": _changed(workspace, group)}


def _changed(workspace: Workspace, group: Json, event: str = "subteam_updated") -> Json:
    group |= {"date_update": int(workspace.clock()), "updated_by": workspace.app.user_id}
    workspace.happened(event, {"type": event, "subteam": dict(group)})
    return dict(group)


def _listed(args: Json, name: str) -> list[str]:
    value = args.get(name)
    parts = value if isinstance(value, list) else str(value or "").split(",")
    return [str(part).strip() for part in parts if str(part).strip()]


METHODS = {
    "users.info": users_info,
    "users.list": users_list,
    "users.lookupByEmail": users_lookup_by_email,
    "users.profile.get": users_profile_get,
    "users.getPresence": users_get_presence,
    "users.setPresence": users_set_presence,
    "dnd.info": dnd_info,
    "dnd.teamInfo": dnd_team_info,
    "usergroups.list": usergroups_list,
    "usergroups.create": usergroups_create,
    "usergroups.update": usergroups_update,
    "usergroups.disable": usergroups_disable,
    "usergroups.enable": usergroups_enable,
    "usergroups.users.list": usergroups_users_list,
    "usergroups.users.update": usergroups_users_update,
}
