"""What XGBoost reports of its installation."""

from __future__ import annotations

import xgboost

from grps.backends.common.probe import Probe


def probe(_: bool) -> Probe:
    """Return the version, and whether the build has CUDA."""
    cuda = bool(xgboost.build_info().get("USE_CUDA"))
    devices = ("cpu", "cuda") if cuda else ("cpu",)
    return Probe(xgboost.__version__, devices, "" if cuda else "without CUDA")
