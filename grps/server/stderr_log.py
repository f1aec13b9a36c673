"""``GRPS_LOG_STDERR``: logs on standard error only, as containers have them."""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Literal, cast, get_args

from grps.errors import DeployError

VARIABLE = "GRPS_LOG_STDERR"
StderrFormat = Literal["json", "text"]


def stderr_format() -> StderrFormat | None:
    """Return the format of logs that go to standard error only; ``None`` when they are files.

    Raises:
        DeployError: The variable has another value.
    """
    value = os.environ.get(VARIABLE, "")
    if not value:
        return None
    if value in get_args(StderrFormat):
        return cast("StderrFormat", value)
    raise DeployError(f"{VARIABLE} is {value!r}; use json or text, or leave it unset")


def json_line(level: str, message: str) -> str:
    """Return a line with the keys of the server's own log."""
    line = {
        "timestamp": datetime.now().isoformat(" ", "milliseconds"),
        "level": level,
        "message": message,
        "target": "grpst",
    }
    return json.dumps(line)
