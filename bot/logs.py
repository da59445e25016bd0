"""Structured logs on standard error: one line an event, with the ids of its request and run, and no secret."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

# Slack's and Vault's tokens have these shapes; what looks like one does not reach the log, whoever wrote it.
_TOKENS = re.compile(r"\b(xox[a-z]-[\w-]+|xapp-[\w-]+|hv[sbr]\.[\w-]+|s\.[A-Za-z0-9]{24,})")
_QUIET = ("apscheduler", "slack_bolt", "slack_sdk", "urllib3", "uvicorn", "python_terraform")


def set_up() -> structlog.stdlib.BoundLogger:
    """Configure logging for this process, and give its logger."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_hides_tokens)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_tokens,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logger: structlog.stdlib.BoundLogger = structlog.get_logger()
    return logger


def _without_tokens(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        event[key] = _clean(value)
    return event


def _clean(value: Any) -> Any:
    """A value as the log shows it: what holds others is looked into, what is no plain value is written out."""
    if isinstance(value, bool | int | float | None):
        return value
    if isinstance(value, Mapping):
        return {str(name): _clean(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(each) for each in value]
    return _TOKENS.sub("(token)", str(value))


def _hides_tokens(record: logging.LogRecord) -> bool:
    record.msg, record.args = _TOKENS.sub("(token)", record.getMessage()), None
    return True
