"""GRPS of another checkout, for a comparison before and after a change in one run.

``GRPS_BEFORE`` is the folder of the checkout, with its native module built.
"""

import os
from dataclasses import replace
from pathlib import Path

from benchmarks.peers import paths
from benchmarks.peers.api import Endpoint, Launch, Skip
from benchmarks.peers.servers import grps, grps_native

VENV, PACKAGES, PORT = grps.VENV, grps.PACKAGES, grps.PORT
FOLDER = os.environ.get("GRPS_BEFORE")
NATIVE = os.environ.get("GRPS_BEFORE_NATIVE") == "1"
"""Whether W1 runs a model in native code."""


def launch(workload: str) -> Launch:
    """Write a project and return the command that serves it with the other checkout."""
    if FOLDER is None:
        raise Skip("GRPS_BEFORE does not name a checkout")
    started = grps_native.launch(workload) if NATIVE else grps.launch(workload)
    path = f"{Path(FOLDER).resolve()}:{paths.APPS}"
    return replace(started, env={**started.env, "PYTHONPATH": path})


def endpoints(workload: str) -> list[Endpoint]:
    """GRPC and HTTP JSON; HTTP streams for W5 and W6."""
    return [one for one in grps.endpoints(workload) if not one.variant.startswith("oip")]
