"""How the tool finds the director of a cluster."""

from __future__ import annotations

from grps.cluster.connection import Connection
from grps.cluster.known import cluster_folder, known_cluster
from grps.errors import DeployError


def connect() -> Connection:
    """Connect to the director of the cluster that was noted.

    Raises:
        DeployError: There is none, or it can't be reached.
    """
    known = known_cluster()
    if known is None:
        raise DeployError("this machine knows no cluster; begin with: grpst cluster up --help")
    if known.kind == "local":
        from grps.cluster.local.client import LocalConnection

        return LocalConnection(cluster_folder())
    from grps.cluster.ray.connection import RayConnection

    return RayConnection(known)
