"""Upstream's ``grps_framework.test``."""

from grps.server.testing import GrpsTest

__all__ = ["GrpsTest"]
