"""python -m tests.messages [--pictures]: write docs/MESSAGES.md, and take its pictures with Chromium."""

from __future__ import annotations

import sys

import structlog

from tests.messages.page import PAGE, all_played, page

if __name__ == "__main__":
    structlog.configure(processors=[], logger_factory=structlog.ReturnLoggerFactory())
    chapters = all_played()
    PAGE.write_text(page(chapters))
    if "--pictures" in sys.argv[1:]:
        from tests.messages.pictures import take

        take(
            (scene.slug, scene.shot)
            for scenes in chapters.values()
            for scene in scenes
            if scene.shot is not None
        )
