"""User code that is measured, and the requests it is asked with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

IMAGE_SHAPE = (3, 224, 224)

USER_CODE = """
import time

from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Echo(Plain):
    def infer(self, inp, context):
        return inp


class Mean(Plain):
    def infer(self, inp, context):
        return inp["input"].mean(axis=(2, 3))


class Compute(Plain):
    def infer(self, inp, context):
        total = 0
        for number in range(40_000):
            total += number
        return inp


class First(Plain):
    def infer(self, inp, context):
        return inp["input"][:1]


class Sleeper(Plain):
    def infer(self, inp, context):
        time.sleep(self._args["sleep_s"])
        return inp


class Stream(Plain):
    def infer(self, inp, context):
        for number in range(int(inp.str_data)):
            if context.if_disconnected():
                return
            time.sleep((self._args or {}).get("pause_s", 0))
            context.stream_respond(GrpsMessage(str_data=str(number)))


for cls in (Compute, Echo, First, Mean, Sleeper, Stream):
    inferer_register.register(cls.__name__.lower(), cls())
"""


def user_model(name: str, inferer: str, **keys: Any) -> dict[str, Any]:
    """Return a model of ``USER_CODE`` as ``inference.yml`` has it."""
    base = {"name": name, "version": "1.0.0", "inferer_type": "customized", "inferer_name": inferer}
    return base | keys


@dataclass(frozen=True, slots=True)
class Workload:
    """A model of user code and the request it is asked with."""

    name: str
    converter_type: str
    body: str


def workloads() -> list[Workload]:
    """Return what is measured."""
    channels, height, width = IMAGE_SHAPE
    row = ",".join(f"{0.0001 * (i * 7919 % 10000):.4f}" for i in range(width))
    plane = ",".join([f"[{row}]"] * height)
    image = ",".join([f"[{plane}]"] * channels)
    return [
        Workload("echo", "none", json.dumps({"str_data": "hello world"})),
        Workload("mean", "numpy", f'{{"ndarray": [[{image}]]}}'),
    ]
