"""OpenVINO, scikit-learn, XGBoost and LightGBM over real calls; inspect and doctor."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import onnxruntime
import openvino
import pytest
import requests
import torch
import xgboost
import yaml
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from grps.backends.openvino.backend import shared_core
from tests.models import MAGIKA
from tests.support import (
    REPOSITORY,
    START_TIMEOUT_S,
    RunningServer,
    launch,
    serving,
    state_of,
    two_free_ports,
    write_project,
)
from tests.tensors import arrays_of, arrays_of_message, gtensors, to_message

GRPST = Path(sys.executable).parent / "grpst"
ROWS, DIGITS = load_digits(return_X_y=True)
TOKENS = np.random.default_rng(1).integers(0, 257, (4, 2048)).astype(np.int32)


class Engines:
    """A model of each engine, as a file and as the engine itself has it."""

    def __init__(self, folder: Path) -> None:
        self.forest = make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=1))
        self.forest.fit(ROWS, DIGITS)
        joblib.dump(self.forest, folder / "forest.joblib")
        matrix = xgboost.DMatrix(ROWS, DIGITS)
        settings = {"objective": "multi:softprob", "num_class": 10, "nthread": 1}
        self.trees = xgboost.train(settings, matrix, 5)
        self.trees.save_model(folder / "trees.ubj")
        settings = {"objective": "multiclass", "num_class": 10, "verbose": -1, "num_threads": 1}
        self.light = lightgbm.train(settings, lightgbm.Dataset(ROWS, DIGITS), 5)
        self.light.save_model(folder / "light.txt")
        core = shared_core()
        openvino.save_model(core.read_model(MAGIKA), folder / "magika.xml", compress_to_fp16=False)
        hint = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        self.magika = core.compile_model(folder / "magika.xml", "CPU", hint)
        self.weights = np.random.default_rng(2).random((64, 10), np.float32)
        layer = torch.nn.Linear(64, 10, bias=False)
        layer.weight.data = torch.from_numpy(self.weights.T.copy())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.jit.save(torch.jit.script(layer), str(folder / "layer.pt"))
        self.folder = folder

    def ask(self, name: str, rows: np.ndarray) -> dict[str, np.ndarray]:
        """What the engine itself answers."""
        if name == "forest":
            answer = self.forest.predict(rows)
            return {"label": answer, "probabilities": self.forest.predict_proba(rows)}
        if name == "trees":
            return {"output": self.trees.predict(xgboost.DMatrix(rows))}
        if name == "light":
            return {"output": self.light.predict(rows)}
        if name == "layer":
            return {"output": rows @ self.weights}
        if name == "tokens":
            session = onnxruntime.InferenceSession(str(MAGIKA))
            return {"target_label": session.run(None, {"bytes": rows})[0]}
        return {"target_label": self.magika([rows])[0]}


NAMES: dict[str, tuple[str, str, dict[str, Any], np.ndarray]] = {
    "forest": ("sklearn", "forest.joblib", {"trusted": True}, ROWS),
    "trees": ("xgboost", "trees.ubj", {}, ROWS.astype(np.float32)),
    "light": ("lightgbm", "light.txt", {}, ROWS),
    "magika": ("openvino", "magika.xml", {"inference_precision": "f32"}, TOKENS),
}
MORE = {
    "layer": (
        "torch", "layer.pt", {"inputs": {"input": "float32[-1, 64]"}}, ROWS.astype(np.float32)
    ),
    "tokens": ("onnxruntime", str(MAGIKA), {}, TOKENS),
}  # fmt: skip
ALL = {**NAMES, **MORE}
"""A model of each engine: its type, file and arguments, and rows to ask about."""
NETWORKS = ("magika", "layer", "tokens")
"""Those whose sums are made in another order for another number of rows or threads."""


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Engines:
    return Engines(tmp_path_factory.mktemp("engines"))


@pytest.fixture(scope="module")
def server(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    models: list[dict[str, Any]] = []
    for name, (kind, file, arguments, _) in ALL.items():
        common = {"inferer_type": kind, "inferer_path": str(engines.folder / file)}
        entry = {"name": name, "version": "1", **common, "inferer_args": arguments}
        batching = {"batching": {"type": "dynamic", "max_batch_size": 8}}
        models.append(entry)
        models.append({**entry, "name": f"{name}-batched", **batching})
        models.append({**entry, "name": f"{name}-apart", "isolation": "process"})
        models.append({**entry, "name": f"{name}-two", "device": "cpu,cpu"})
        if name == "magika":
            streams = {**arguments, "streams": 2}
            models.append({**entry, "name": "magika-streams", "inferer_args": streams})
    folder = tmp_path_factory.mktemp("service")
    write_project(folder, models)
    with serving(folder) as running:
        yield running


def same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray], tolerance: float = 0) -> None:
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_allclose(found[name], array, rtol=tolerance, atol=tolerance)


def test_each_device_has_its_copies(server: RunningServer) -> None:
    told = requests.get(server.url("/grps/v1/admin/models"), timeout=30).json()["models"]
    counts = {model["model"]: len(model["instances"]) for model in told}
    assert {counts[f"{name}-two-1"] for name in ALL} == {2}
    assert {counts[f"{name}-1"] for name in ALL} == {1}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("way", ["", "-apart", "-two"])
def test_answers_equal_the_engines_own(
    server: RunningServer, engines: Engines, name: str, way: str
) -> None:
    rows = ALL[name][3][:3]
    # numpy and torch, and sessions of other numbers of threads, may add up in another order.
    tolerance = 1e-5 if name in MORE else 0
    response = server.post({"model": name + way, "gtensors": gtensors([rows])})
    assert response.status_code == 200, response.text
    same(arrays_of(response.json()["gtensors"]), engines.ask(name, rows), tolerance)
    with server.stub() as stub:
        answer = stub.Predict(to_message([rows], name + way), timeout=30)
    same(arrays_of_message(answer), engines.ask(name, rows), tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_an_ndarray_takes_the_type_of_the_model(
    server: RunningServer, engines: Engines, name: str
) -> None:
    rows = NAMES[name][3][:2]
    response = server.post({"model": name, "ndarray": rows.tolist()})
    same(arrays_of(response.json()["gtensors"]), engines.ask(name, rows))


@pytest.mark.parametrize("name", [*(f"{name}-batched" for name in ALL), "magika-streams"])
def test_many_at_once_get_their_own_rows(
    server: RunningServer, engines: Engines, name: str
) -> None:
    base = name.split("-", maxsplit=1)[0]
    given = ALL[base][3]
    wanted = [engines.ask(base, given[index % len(given)][None]) for index in range(32)]

    def ask(index: int) -> dict[str, np.ndarray]:
        row = given[index % len(given)][None]
        response = server.post({"model": name, "gtensors": gtensors([row])})
        return arrays_of(response.json()["gtensors"])

    with ThreadPoolExecutor(8) as pool:
        for found, expected in zip(pool.map(ask, range(32)), wanted, strict=True):
            same(found, expected, 1e-5 if base in NETWORKS else 0)


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_do_not_fit_are_refused(server: RunningServer, name: str) -> None:
    response = server.post({"model": name, "ndarray": [[1, 2, 3]]})
    assert response.status_code == 400
    assert "[1, 3]" in response.json()["status"]["msg"]


@pytest.mark.parametrize("name", NAMES)
def test_metadata_tells_all_of_a_model(server: RunningServer, name: str) -> None:
    url = server.url("/grps/v1/metadata/model")
    answer = requests.post(url, json={"str_data": f"{name}-batched"}, timeout=30).json()
    told = yaml.safe_load(answer["str_data"])
    assert told["inputs"][0]["dtype"] in ("float32", "float64", "int32")
    assert told["inputs"][0]["shape"] == [-1, NAMES[name][3].shape[1]]
    for output in told["outputs"]:
        assert output["dtype"] is not None
        assert output["shape"][0] == -1
    assert told["placed_on"] == ["cpu"]
    assert told["batching"]["max_batch_size"] == 8


def test_an_untrusted_pickle_does_not_start(tmp_path: Path, engines: Engines) -> None:
    path = str(engines.folder / "forest.joblib")
    write_project(
        tmp_path, [{"name": "m", "version": "1", "inferer_type": "sklearn", "inferer_path": path}]
    )
    process = launch(tmp_path)
    assert process.wait(START_TIMEOUT_S) == 1
    state = state_of(tmp_path)
    assert state is not None
    assert "runs whatever code it holds as it is loaded" in str(state.error)


@pytest.mark.parametrize(
    ("gpu", "cause"),
    [
        ({"mem_manager_type": "torch", "mem_limit_mib": 64}, "can't be kept: no GPU is found"),
        ({"mem_manager_type": "tensorflow", "mem_limit_mib": 64}, "kept: no GPU is found"),
        ({"mem_manager_type": "onnxruntime", "mem_gc_enable": True}, "has no CUDA"),
    ],
)
def test_a_gpu_limit_that_can_not_be_kept_does_not_start(
    tmp_path: Path, engines: Engines, gpu: dict[str, Any], cause: str
) -> None:
    path = str(engines.folder / "trees.ubj")
    write_project(
        tmp_path,
        [{"name": "m", "version": "1", "inferer_type": "xgboost", "inferer_path": path}],
        {"gpu": gpu},
    )
    process = launch(tmp_path)
    assert process.wait(START_TIMEOUT_S) == 1
    state = state_of(tmp_path)
    assert state is not None
    assert cause in str(state.error)


def grpst(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [GRPST, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
    )


@pytest.mark.parametrize("name", NAMES)
def test_inspect_shows_a_model_and_how_to_ask_it(
    engines: Engines, tmp_path: Path, name: str
) -> None:
    kind, file, arguments, rows = NAMES[name]
    path = engines.folder / file
    flags = ["--trusted"] if arguments.get("trusted") else []
    ran = grpst("inspect", path, *flags, "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["inferer_type"], told["device"], told["can_be_batched"]) == (kind, "cpu", True)
    assert told["inputs"][0]["shape"] == [-1, rows.shape[1]]
    assert told["run_ms"] > 0
    plain = grpst("inspect", path, *flags)
    assert plain.returncode == 0
    assert f"run by {kind} on cpu" in plain.stdout
    assert "a run takes" in plain.stdout
    assert told["serve"] in plain.stdout
    # What it prints works: it serves the model, and the line asks it.
    environment = {"GRPS_HOME": str(tmp_path)}
    serve = shlex.split(told["serve"])[1:]
    # Not at the default ports: other tests run beside this one.
    ports = two_free_ports()
    flags = ["--port", f"{ports[0]},{ports[1]}", "--host", "127.0.0.1", "--no_logging"]
    try:
        started = grpst(*serve, *flags, **environment)
        assert started.returncode == 0, started.stderr
        assert ":7080" in told["ask"]
        asked = subprocess.run(
            ["bash", "-o", "pipefail", "-c", told["ask"].replace("7080", str(ports[0]))],
            check=True,
            capture_output=True,
        )
        assert json.loads(asked.stdout)["status"]["code"] == 200
    finally:
        grpst("stop", "my_grps", **environment)


def test_inspect_says_what_is_wrong(engines: Engines, tmp_path: Path) -> None:
    untrusted = grpst("inspect", engines.folder / "forest.joblib")
    assert untrusted.returncode == 1
    assert "--trusted" in untrusted.stderr
    (tmp_path / "notes.txt").write_text("hello")
    assert "a text file" in grpst("inspect", tmp_path / "notes.txt").stderr
    wrong = grpst("inspect", MAGIKA, "--converter", "image")
    assert wrong.returncode == 1
    assert "2 dimensions; an image's has 4" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    for flags, text in (
        (["--converter_arg", "top_k=1"], "need --converter"),
        (["--trusted"], "--trusted is for sklearn models"),
        (["--engine", "torch"], "is a model of the format onnx; use: grpst onnx_serve"),
    ):
        refused = grpst("inspect", MAGIKA, *flags)
        assert refused.returncode != 0
        assert text in refused.stderr


def test_inspect_keeps_the_flags_of_what_it_says(engines: Engines) -> None:
    flags = ["--engine", "openvino", "--streams", "2", "--inferer_arg", "inference_precision=f32"]
    told = json.loads(grpst("inspect", MAGIKA, *flags, "--json").stdout)
    assert told["serve"] == (
        f"grpst openvino_serve {MAGIKA} --inferer_arg inference_precision=f32 --streams 2"
    )


def test_doctor_finds_the_engines_of_this_machine() -> None:
    ran = grpst("doctor", "--json")
    findings = {one["name"]: one for one in json.loads(ran.stdout)["findings"]}
    for engine in ("torch", "onnxruntime", "tensorflow", "openvino", "sklearn", "xgboost"):
        assert findings[engine]["verdict"] == "ok", findings[engine]
        assert " on cpu" in findings[engine]["text"]
    assert findings["tensorrt"]["advice"] == "pip install 'grpst[tensorrt]'"
    for feature in ("image", "audio", "text"):
        assert findings[feature]["text"] == "installed"
    problems = [one for one in findings.values() if one["verdict"] == "problem"]
    assert ran.returncode == (1 if problems else 0)
    assert all(one["advice"] for one in problems)
    plain = grpst("doctor").stdout
    for section in ("machine", "GPUs", "engines", "converters and code"):
        assert f"\n{section}\n" in plain
    assert "\x1b" not in plain


def test_doctor_tells_of_a_gpu(tmp_path: Path) -> None:
    source = REPOSITORY / "tests" / "fake_nvml.c"
    library = tmp_path / "libnvidia-ml.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    ran = grpst("doctor", "--json", LD_LIBRARY_PATH=str(tmp_path), CUDA_VISIBLE_DEVICES="")
    findings = {one["name"]: one for one in json.loads(ran.stdout)["findings"]}
    assert findings["driver"]["text"] == "NVIDIA 999.42"
    assert findings["cuda:1"]["text"] == "Fake Two, 8.0 GiB (2.0 GiB in use)"
    assert findings["visible"]["verdict"] == "problem"
    # An engine that can't use the GPU says what to install.
    assert findings["onnxruntime"]["verdict"] == "problem"
    assert "install onnxruntime-gpu" in findings["onnxruntime"]["advice"]
    if torch.version.cuda is None:
        assert "install a build with CUDA" in findings["torch"]["advice"]
    assert ran.returncode == 1
    assert "problems found" in ran.stderr
