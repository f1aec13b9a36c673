"""One-line causes out of the long texts that OpenVINO raises."""

from __future__ import annotations

import re

from grps.backends.common.causes import one_line

_PLACE = re.compile(
    r"^(?:Exception from \S+:\d+:|Check '.*' failed at \S+:\d+:|FrontEnd API failed with \w+:)$"
)


def openvino_cause(error: BaseException) -> str:
    """Return what OpenVINO says in ``error`` without the places in its sources."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if not _PLACE.match(line)]
    return one_line(" ".join(causes)) or type(error).__name__
