"""Upstream's ``grps_framework.executor.executor``."""

from grps.server.testing import Executor

__all__ = ["Executor"]
