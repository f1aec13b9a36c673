"""Models of PyTorch in native threads: the same answers as through Python, and what they can't do."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import torch
from torch import nn

from grps.backends.libraries import native_library
from grps.deploy.native import PROGRAM
from tests.integration.engines.native_requests import WAYS, ask, tensor
from tests.integration.engines.torch_modules import MODULES, Packed, PackedWrites
from tests.support import RunningServer, serving, write_project


def save(module: nn.Module, path: Path) -> None:
    torch.jit.script(module.eval()).save(str(path))


def save_package(
    module: nn.Module, path: Path, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch itself
        exported = torch.export.export(module.eval(), args, kwargs or {})
        torch._inductor.aoti_compile_and_package(exported, package_path=str(path))


def save_models(folder: Path) -> dict[str, dict[str, Any]]:
    """Write models and return what ``inference.yml`` says of each."""
    models: dict[str, dict[str, Any]] = {}
    for name, module in MODULES.items():
        save(module, folder / f"{name}.pt")
        models[name] = {"inferer_path": f"{name}.pt"}
    batching = {"type": "dynamic", "max_batch_size": 8}
    declared = {"inputs": {"input": "float32[-1, 4]"}, "intra_op_threads": 1}
    models["linear"] |= {"batching": batching, "instances": 2, "inferer_args": declared}
    models["convolution"]["inferer_args"] = {"memory_format": "channels_last"}
    models["bool"] = {"inferer_path": "same.pt", "inferer_args": {"inputs": {"x": "bool[-1]"}}}
    rows = torch.zeros(2, 4)
    save_package(Packed(), folder / "packed.pt2", (rows, (rows, rows)), {"z": rows})
    save_package(PackedWrites(), folder / "packed_writes.pt2", (rows,))
    return models | {
        name: {"inferer_path": f"{name}.pt2"} for name in ("packed", "packed_writes")
    }


def configured(way: str, name: str, keys: dict[str, Any]) -> dict[str, Any]:
    """A model as ``inference.yml`` has it."""
    arguments = {**keys.get("inferer_args", {}), "native": way == "native"}
    model = {"name": f"{way}_{name}", "version": "1", "device": "cpu", "inferer_type": "torch"}
    return {**model, **keys, "inferer_args": arguments}


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RunningServer, RunningServer]]:
    """The server in Python with all models in both ways, and the one without Python."""
    folder, alone = (tmp_path_factory.mktemp(name) for name in ("torch", "torch_alone"))
    models = save_models(folder)
    write_project(
        folder, [configured(way, name, keys) for name, keys in models.items() for way in WAYS]
    )
    for name in models:
        models[name]["inferer_path"] = str(folder / models[name]["inferer_path"])
    write_project(alone, [configured("native", name, keys) for name, keys in models.items()])
    library = str(native_library("torch"))
    with serving(folder) as both, serving(alone, PROGRAM, GRPS_TORCH=library) as program:
        yield both, program


FLOATS = [0.5, 2, -1, 4]
PAIR = [tensor("a", "FP32", [2, 2], FLOATS), tensor("b", "FP32", [2, 2], [1, 2, 3, 4.5])]
NUMBER = tensor("x", "FP32", [2, 2], FLOATS)
ROWS = [0.25 * at for at in range(8)]
PACKED = [
    *(tensor(f"input_{at}", "FP32", [2, 4], [at + one for one in ROWS]) for at in range(3)),
    tensor("z", "FP32", [2, 4], ROWS),
]
OF_TYPES = [
    ("same", [tensor("x", "BOOL", [2], [True, False])]),
    *(
        (model, [tensor("x", datatype, [2], [1, 3])])
        for datatype in ("UINT8", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64")
        for model in ("same", "twice")
    ),
    ("same", [tensor("x", "FP32", [0, 2], [])]),
    ("same", [tensor("x", "INT64", [], [7])]),
    ("same", [tensor("other", "FP32", [1], [1])]),
    ("bool", [tensor("x", "BOOL", [2], [True, False])]),
]


@pytest.mark.parametrize(
    ("model", "tensors", "status"),
    [
        *((model, tensors, 200) for model, tensors in OF_TYPES),
        ("bool", [tensor("x", "FP32", [2], [1, 0])], 400),
        ("same", [tensor("x", "BYTES", [1], ["text"])], 400),
        ("twice", [tensor("x", "BOOL", [1], [True])], 200),
        ("named", PAIR, 200),
        ("named", PAIR[:1], 400),
        ("named", [PAIR[0], tensor("b", "FP32", [2, 3], [1] * 6)], 400),
        ("nested", PAIR[:1], 200),
        ("nothing", PAIR[:1], 500),
        ("complex", [tensor("x", "FP32", [1], [1])], 500),
        ("numbers", [NUMBER, tensor("times", "INT64", [1], [3])], 200),
        ("numbers", [NUMBER, tensor("times", "INT64", [2], [3, 4])], 400),
        ("numbers", [NUMBER, tensor("times", "FP32", [1], [3])], 400),
        (
            "numbers",
            [
                *(NUMBER, tensor("times", "INT64", [], [3])),
                *(tensor("scale", "FP64", [1], [0.5]), tensor("mask", "FP32", [1], [0.25])),
            ],
            200,
        ),
        ("raises", [tensor("x", "FP32", [2], [1, 2])], 200),
        ("raises", [tensor("x", "FP32", [1], [11])], 500),
        ("raises", [tensor("x", "FP32", [0], [])], 500),
        ("keeps", [tensor("x", "FP32", [3], [1, 2, 3])], 200),
        ("keeps", [tensor("x", "FP32", [2], [4, 5])], 200),
        ("counts", [tensor("x", "FP32", [2], [1, 2])], 200),
        ("counts", [tensor("x", "FP32", [2], [1, 2])], 200),
        ("writes", [tensor("x", "FP32", [2], [1, 2])], 200),
        ("brain", [tensor("x", "FP32", [2], [1.1, 2])], 200),
        ("linear", [tensor("input", "FP32", [1, 4], FLOATS)], 200),
        ("linear", [tensor("input", "FP32", [1, 3], [1, 2, 3])], 400),
        ("convolution", [tensor("input", "FP32", [1, 2, 3, 3], [float(n) for n in range(18)])], 200),
        ("convolution", [tensor("input", "FP32", [1, 1, 3, 3], [1.0] * 9)], 400),
        ("look", [tensor("input", "INT64", [2], [2, 0])], 200),
        ("look", [tensor("input", "INT64", [1], [9])], 400),
        ("packed", PACKED, 200),
        ("packed", PACKED[:3], 400),
        ("packed_writes", [tensor("input_0", "FP32", [2, 4], ROWS)], 200),
    ],
)
def test_answers_are_those_of_python(
    servers: tuple[RunningServer, RunningServer],
    model: str,
    tensors: list[dict[str, Any]],
    status: int,
) -> None:
    both, program = servers
    python, native = (ask(both, f"{way}_{model}", tensors) for way in WAYS)
    assert native == python
    assert ask(program, f"native_{model}", tensors) == python
    assert native[0] == status, native
