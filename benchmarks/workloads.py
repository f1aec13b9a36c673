"""User code that is measured, and the requests it is asked with."""

from __future__ import annotations

import json
from dataclasses import dataclass

IMAGE_SHAPE = (3, 224, 224)

USER_CODE = """
from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register


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


inferer_register.register("compute", Compute())
inferer_register.register("echo", Echo())
inferer_register.register("mean", Mean())
"""


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
