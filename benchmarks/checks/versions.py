"""Services with two versions of one model, whose second version is wrong in some way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.load import LOOPBACK, ask, running_project, write_project
from benchmarks.workloads import user_model
from grps.server.state import ServiceState

NAME = "scale"
FACTOR = 2
_CODE = """
import os
import time

from grps import ModelInferer, inferer_register


class Scale(ModelInferer):
    def init(self, path, device=None, args=None):
        self.args = args

    def load(self):
        return True

    def infer(self, inp, context):
        if self.args.get("hangs"):
            time.sleep(1e6)
        if self.args.get("crashes"):
            os._exit(7)
        time.sleep(self.args.get("model_s", 0))
        return {"y": inp["input"] * self.args["by"]}


inferer_register.register("scale", Scale())
"""


def version(number: int, arguments: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return a version as ``inference.yml`` has it."""
    values = {"by": FACTOR, **arguments}
    model = user_model(NAME, NAME, converter_type="numpy", inferer_args=values, **keys)
    return {**model, "version": str(number)}


@contextmanager
def serving_versions(
    folder: Path,
    models: list[dict[str, Any]],
    traffic: dict[str, Any],
    settings: dict[str, Any] | None = None,
) -> Iterator[ServiceState]:
    """Serve versions until the block ends.

    Args:
        folder: Where the project is made.
        models: The versions.
        traffic: How requests are divided among them.
        settings: Keys of ``server.yml`` besides the interface.
    """
    inference = {"models": models, "traffic": [{"model": NAME, **traffic}]}
    project = write_project(folder, _CODE, inference, LOOPBACK | (settings or {}))
    with running_project(project) as state:
        yield state


def traffic_of(state: ServiceState) -> Any:
    """Return what a service says of the traffic of its model."""
    [found] = ask(state, "grps/v1/admin/traffic")["traffic"]
    return found
