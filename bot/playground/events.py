"""The events that the workspace can tell an app of, as a manifest names them.

Source: https://docs.slack.dev/reference/events
"""

from __future__ import annotations

SERVED = (
    *("app_home_opened", "app_mention"),
    *("message.channels", "message.groups", "message.im", "message.mpim"),
    *("file_shared", "file_deleted", "link_shared"),
    *("reaction_added", "reaction_removed", "pin_added", "pin_removed"),
    *("member_joined_channel", "member_left_channel", "channel_left", "group_left"),
    *("channel_created", "channel_rename", "channel_archive", "channel_unarchive"),
    *("group_rename", "group_archive", "group_unarchive"),
    *("assistant_thread_started", "function_executed"),
    *("team_join", "user_change", "subteam_created", "subteam_updated"),
)
