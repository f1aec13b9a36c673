"""Paths of customized routes: which of them a service can serve beside its own."""

from __future__ import annotations

import re
from collections.abc import Iterable

PREDICT_PATH = "/grps/v1/infer/predict"
"""The one route of the service that a customized one may be."""
OWN_PATHS = (
    "/",
    "/metrics",
    "/grps/v1/admin/log-level",
    "/grps/v1/admin/logs",
    "/grps/v1/admin/models",
    "/grps/v1/admin/models/{model}/{action}",
    "/grps/v1/health/live",
    "/grps/v1/health/offline",
    "/grps/v1/health/online",
    "/grps/v1/health/ready",
    "/grps/v1/metadata/model",
    "/grps/v1/metadata/server",
    "/grps/v1/monitor/live",
    "/grps/v1/monitor/metrics",
    "/grps/v1/monitor/models",
    "/grps/v1/monitor/names",
    "/grps/v1/monitor/requests",
    "/grps/v1/monitor/series",
    "/grps/v1/monitor/trends",
)
"""The other HTTP routes of a service; a test compares them with the native route table."""

TORCHSERVE_PATHS = (
    "/explanations/{*model}",
    "/models",
    "/models/{model}",
    "/models/{model}/{version}",
    "/ping",
    "/predictions/{model}",
    "/predictions/{model}/{version}",
    "/v1/models/{*model}",
    "/wfpredict/{*workflow}",
    "/workflows",
    "/workflows/{*workflow}",
)
"""Routes of a service with ``torchserve.enabled``."""

_RESTS = re.compile(r"\\{\\\*\w+\\}")
_UNUSABLE = re.compile(r"[?#\s\x00-\x1f\x7f]")


def path_fault(path: str, own_paths: Iterable[str] = OWN_PATHS) -> str | None:
    """Return why a service can't serve a customized route; ``None`` when it can.

    Args:
        path: The customized route.
        own_paths: The routes of the service itself.
    """
    if not path.startswith("/"):
        return f"{path!r} must start with '/'"
    if _UNUSABLE.search(path):
        return f"{path!r} must be a path alone, without spaces, '?' and '#'"
    own = next((own for own in own_paths if _pattern(own).fullmatch(path)), None)
    if own is not None:
        return (
            f"{path!r} is a route of the service itself; choose another path, such as "
            "'/custom_predict'"
        )
    return None


def _pattern(own: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", _RESTS.sub(".+", re.escape(own))))
