"""Looks whether a cluster of Ray is set up as ``grpst cluster up`` would do it."""

from __future__ import annotations

from collections.abc import Mapping

from grps.cluster.commands import Status
from grps.cluster.connection import ask
from grps.cluster.known import Known
from grps.cluster.ray.connection import RayConnection
from grps.cluster.ray.starting import SETTINGS

SLOWEST_PERIOD_MS = 1000


def check_cluster(known: Known) -> list[str]:
    """Return what is missing, one line each, as seen on the host of the director."""
    connection = RayConnection(known)
    about = ask(connection, Status())["director"]
    return warnings_of(about.get("settings", {}))


def warnings_of(settings: Mapping[str, str]) -> list[str]:
    """Return what the environment of Ray's processes lacks, one line each."""
    found = []
    if settings.get("RAY_AUTH_MODE") != "token":
        found.append(
            "Ray asks for no token: whoever reaches its ports runs code on its hosts; start it "
            "with RAY_AUTH_MODE=token on every host"
        )
    if settings.get("RAY_gcs_storage") != "rocksdb":
        found.append(
            "Ray's control plane forgets everything when it ends; start its head with "
            "RAY_gcs_storage=rocksdb and RAY_gcs_storage_path=FOLDER"
        )
    period = settings.get("RAY_health_check_period_ms", "")
    if not (period.isdecimal() and int(period) <= SLOWEST_PERIOD_MS):
        wanted = " ".join(f"{k}={v}" for k, v in SETTINGS.items() if "health_check" in k)
        found.append(f"Ray notices a lost host late; start its head with {wanted}")
    return found
