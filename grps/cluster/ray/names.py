"""What actors and values are called in Ray."""

from __future__ import annotations

NAMESPACE = "grps"
DIRECTOR = "grps-director"
REPLICA = "grps-replica:"
"""Begins the names of actors of replicas; that of the replica and a random part follow."""
