"""Models of PyTorch in native threads: the same answers as through Python, and their limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import torch
from torch import nn

from grps.backends.libraries import native_library
from grps.backends.torch.shim import recipe as torch_recipe
from grps.deploy.native import PROGRAM
from tests.integration.engines.native_models import WAYS, ask, tensor
from tests.integration.engines.native_models import configured as configured_for
from tests.integration.engines.torch_modules import MODULES, Packed, PackedWrites, Row, Several
from tests.support import REPOSITORY, RunningServer, serving, two_free_ports, write_project


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
    return models | {name: {"inferer_path": f"{name}.pt2"} for name in ("packed", "packed_writes")}


configured = partial(configured_for, "torch")


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
    ("float", [tensor("x", "UINT16", [2], [1, 40000])]),
    ("float", [tensor("x", "UINT64", [2], [1, 3])]),
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
        ("same", [tensor("x", "UINT32", [1], [1])], 500),
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
        (
            "convolution",
            [tensor("input", "FP32", [1, 2, 3, 3], list(range(18)))],
            200,
        ),
        ("convolution", [tensor("input", "FP32", [1, 1, 3, 3], [1.0] * 9)], 400),
        ("look", [tensor("input", "INT64", [2], [2, 0])], 200),
        ("look", [tensor("input", "INT64", [1], [9])], 400),
        ("nullary", [], 200),
        ("nullary", [tensor("x", "FP32", [1], [1])], 400),
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


def test_metadata_is_the_same(servers: tuple[RunningServer, RunningServer]) -> None:
    def described(running: RunningServer, name: str) -> Any:
        metadata = requests.get(running.url(f"/v2/models/{name}"), timeout=20).json()
        return metadata["inputs"], metadata["outputs"]

    both, program = servers
    for name in ("same", "named", "nested", "numbers", "linear", "packed"):
        python, native = (described(both, f"{way}_{name}") for way in WAYS)
        assert native == python, name
        assert described(program, f"native_{name}") == python, name


def test_requests_at_once_keep_their_rows(servers: tuple[RunningServer, RunningServer]) -> None:
    def answer(running: RunningServer, model: str, number: int) -> Any:
        rows = [tensor("input", "FP32", [1, 4], [float(number), 1, 2, -number])]
        return ask(running, model, rows)[1][0]["data"]

    both, program = servers
    with ThreadPoolExecutor(16) as pool:
        for running in servers:
            found = pool.map(partial(answer, running, "native_linear"), range(100))
            for number, data in enumerate(found):
                assert data == pytest.approx(answer(both, "python_linear", number), abs=1e-5)
    stats = requests.get(program.url("/metrics"), timeout=20).text
    assert 'model="native_linear-1"' in stats


def test_a_bool_is_a_uint8_and_bfloat16_is_refused(
    servers: tuple[RunningServer, RunningServer],
) -> None:
    both, program = servers
    body = {
        "gtensors": {
            "tensors": [{"name": "x", "dtype": "DT_UINT8", "shape": [2], "flat_uint8": [1, 0]}]
        }
    }
    answers = [both.post(body, f"?model={way}_bool-1").json()["gtensors"] for way in WAYS]
    assert answers[0] == answers[1]
    assert program.post(body, "?model=native_bool-1").json()["gtensors"] == answers[0]
    error = "input x: PyTorch takes no bfloat16 tensors"
    assert [binary(both, f"{way}_same", "BF16", bytes(4)) for way in WAYS] == [error, error]
    assert binary(program, "native_same", "BF16", bytes(4)) == error


@pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])
def test_a_worker_process_answers_the_same(tmp_path: Path, program: Path | None) -> None:
    save(MODULES["twice"], tmp_path / "twice.pt")
    keys = {"inferer_path": "twice.pt", "isolation": "process"}
    write_project(tmp_path, [configured("native", "twice", keys)])
    with serving(tmp_path, program, GRPS_TORCH=str(native_library("torch"))) as server:
        status, outputs = ask(server, "native_twice", [tensor("x", "FP32", [2], [1, 2.5])])
        assert (status, outputs[0]["data"]) == (200, [2.0, 5.0])


def binary(server: RunningServer, model: str, datatype: str, data: bytes) -> str:
    """Return the error for one tensor of two elements in binary form."""
    described = tensor("x", datatype, [2], []) | {"parameters": {"binary_data_size": len(data)}}
    described.pop("data")
    text = json.dumps({"inputs": [described]}).encode()
    head = {"Inference-Header-Content-Length": str(len(text))}
    url = server.url(f"/v2/models/{model}/infer")
    answer = requests.post(url, data=text + data, headers=head, timeout=20)
    return answer.json()["error"].split(" (request id ")[0]


@pytest.mark.parametrize(
    ("keys", "cause"),
    [
        ({"inp_device": "cuda"}, "inp_device is not possible with inferer_args.native"),
        ({"device": "cuda:0"}, "device cuda:0 is not possible in native code"),
        ({"inferer_args": {"compile": True}}, "inferer_args.compile is not possible in native"),
        ({"inferer_args": {"intra_threads": 1}}, "unknown field `intra_threads`"),
        ({"inferer_args": {"inputs": {"y": "float32[1]"}}}, "no input is called 'y'; there are x"),
        ({"inferer_args": {"inputs": {"x": "float[1]"}}}, "is not a type and a shape such as"),
        ({"inferer_args": {"customized_op_paths": "none.so"}}, "none.so: no such file"),
        ({"inferer_args": {"customized_op_paths": "broken.so"}}, "custom operators: "),
        (
            {
                "inferer_path": "row.pt",
                "inferer_args": {"inputs": {"x": "float32[-1, 2]"}},
                "batching": {"type": "dynamic", "max_batch_size": 4},
            },
            "output output of a row depends on the other rows that run with it",
        ),
        ({"inferer_path": "list.pt"}, "forward needs x: List[Tensor], but inputs are tensors"),
        ({"inferer_path": "exported.pt2"}, "a program of torch.export is not possible in native"),
        ({"inferer_path": "missing.pt"}, "missing.pt"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any], cause: str
) -> None:
    monkeypatch.chdir(tmp_path)
    save(MODULES["same"], tmp_path / "same.pt")
    save(Row(), tmp_path / "row.pt")
    save(Several(), tmp_path / "list.pt")
    (tmp_path / "broken.so").write_bytes(b"no library")
    exported = torch.export.export(MODULES["twice"], (torch.zeros(2),))
    torch.export.save(exported, str(tmp_path / "exported.pt2"))
    model = {"inferer_path": "same.pt", **configured("native", "m", keys)}
    write_project(tmp_path, [model])
    with pytest.raises(AssertionError, match="failed") as caught, serving(tmp_path):
        pass
    assert cause in str(caught.value)


@pytest.mark.parametrize("is_built", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_verb_serves_a_file_without_python(tmp_path: Path, is_built: bool) -> None:
    save(MODULES["twice"], tmp_path / "twice.pt")
    variables = {"GRPS_HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPOSITORY)}
    if not is_built:
        variables["XDG_CACHE_HOME"] = str(tmp_path / "cache")

    def grpst(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "grps.cli.main", *words]
        return subprocess.run(
            command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
        )

    ports = ["--port", "{},{}".format(*two_free_ports()), "--host", "127.0.0.1"]
    serve = ["torch_serve", str(tmp_path / "twice.pt"), "--native", "--device", "cpu"]
    try:
        started = grpst(*serve, *ports, "--no_logging")
        assert started.returncode == 0, started.stderr
        line = f"building the torch engine for torch {torch.__version__.partition('+')[0]} (once, "
        assert is_built or line in started.stderr
        url = f"http://127.0.0.1:{ports[1].split(',')[0]}/grps/v1/infer/predict?return-ndarray=true"
        assert requests.post(url, json={"ndarray": [1, 2]}, timeout=20).json()["ndarray"] == [2, 4]
        assert grpst("ps").stdout.split()[-1] == "native"
    finally:
        grpst("stop", "my_grps")


OPERATOR = """
#include <ATen/ATen.h>
#include <torch/library.h>
at::Tensor thrice(const at::Tensor &x) { return x * 3; }
TORCH_LIBRARY(grps_test, library) { library.def("thrice(Tensor x) -> Tensor", &thrice); }
"""


@pytest.mark.slow
def test_operators_of_a_library_are_found(tmp_path: Path) -> None:
    (tmp_path / "thrice.cc").write_text(OPERATOR)
    recipe = torch_recipe()
    command = ["c++", "-std=c++17", "-shared", "-fPIC", str(tmp_path / "thrice.cc")]
    command += [f"-I{folder}" for folder in recipe.includes]
    command += [f"-L{folder}" for folder in recipe.folders]
    command += [f"-l{library}" for library in recipe.libraries]
    library = str(tmp_path / "libthrice.so")
    subprocess.run([*command, "-o", library], check=True)
    save_it = (
        f"import torch; torch.ops.load_library({library!r})\n"
        "class Thrice(torch.nn.Module):\n"
        "    def forward(self, x):\n        return torch.ops.grps_test.thrice(x)\n"
        "x = torch.ones(1)\n"
        f"torch.jit.trace(Thrice(), x).save({str(tmp_path / 'thrice.pt')!r})\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", save_it], check=True)
    arguments = {"customized_op_paths": library, "inter_op_threads": 2}
    keys = {"inferer_path": "thrice.pt", "inferer_args": arguments}
    write_project(tmp_path, [configured("native", "m", keys)])
    with serving(tmp_path, PROGRAM, GRPS_TORCH=str(native_library("torch"))) as server:
        status, outputs = ask(server, "native_m", [tensor("x", "FP32", [2], [1, 2])])
        assert (status, outputs[0]["data"]) == (200, [3, 6])


OTHER_VERSION = """
struct table { unsigned size, version; const char *name; void *rest[5]; };
static const struct table engine = {56, 99, "other"};
const void *grps_engine_open(void) { return &engine; }
"""


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        (None, "the torch engine is not built; start the service by grpst, which builds it"),
        ("int nothing;", "it is no engine: no grps_engine_open"),
        (OTHER_VERSION, "it is built for version 99 of the interface, not 1"),
        (OTHER_VERSION.replace("99", "1"), "it is the engine 'other', not 'torch'"),
    ],
)
def test_a_library_that_is_no_engine_is_refused(
    tmp_path: Path, source: str | None, cause: str
) -> None:
    save(MODULES["same"], tmp_path / "same.pt")
    write_project(tmp_path, [configured("native", "m", {"inferer_path": "same.pt"})])
    found: dict[str, str] = {}
    if source is not None:
        found = {"GRPS_TORCH": str(tmp_path / "engine.so")}
        (tmp_path / "engine.c").write_text(source)
        command = ["cc", "-w", "-shared", "-fPIC", "-o", found["GRPS_TORCH"]]
        subprocess.run([*command, str(tmp_path / "engine.c")], check=True)
    with (
        pytest.raises(AssertionError, match="failed") as caught,
        serving(tmp_path, PROGRAM, **found),
    ):
        pass
    assert cause in str(caught.value)
