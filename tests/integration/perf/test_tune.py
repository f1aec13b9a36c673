"""A search with a real engine and services that are really started."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import onnx
import psutil
import pytest
from click.testing import CliRunner

from grps.cli.main import main
from grps.config.schema import ModelConfig
from grps.errors import GrpsError
from grps.server.configuration import parse_inference
from grps.tune import Search, TuneError, read_goal, tune
from grps.tune.curves.curve import Curves
from grps.tune.curves.measuring import Plan, measure_curves
from grps.tune.curves.orders import Loaded
from grps.tune.load_of_others import serving_cpu_s
from grps.tune.settings import Settings, Variant, model_config
from grps.tune.trials.service import Setting, running
from tests.onnx_models import save_node
from tests.support import REPOSITORY
from tests.unit.tune.made import CONFIG

SCHEMA = json.loads((REPOSITORY / "docs" / "reference" / "tune-result.schema.json").read_text())
FLOAT = onnx.TensorProto.FLOAT
GOAL = read_goal(("p99=5s",), "throughput", None)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("GRPS_HOME", str(folder))
    return folder


def save(path: Path, rows: str | int = "n") -> Path:
    """A model that adds its inputs."""
    tensors = [(name, FLOAT, [rows, 3]) for name in ("x", "z")]
    return save_node(path, "Add", tensors, [("y", FLOAT, [rows, 3])])


def config(path: Path) -> ModelConfig:
    return msgspec.structs.replace(CONFIG, inferer_path=str(path))


def plan(path: Path, most_rows: int = 8) -> Plan:
    return Plan(config(path), {}, most_rows, 1000.0, 2, 2)


def measure(path: Path, variant: Variant, most_rows: int = 8) -> tuple[Curves, Loaded]:
    return measure_curves(variant, plan(path, most_rows), float("inf"), lambda line: None)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_curves_of_an_engine(engine: str, tmp_path: Path) -> None:
    curves, loaded = measure(save(tmp_path / "net.onnx"), Variant(engine, 1))
    assert loaded.not_joined is None
    assert [one.rows for one in curves.alone.points] == [1, 2, 4, 8]
    assert all(one.ms > 0 and one.cpu_ms > 0 for one in curves.alone.points)
    assert curves.most_parallel("thread") == 2
    assert loaded.shapes == {"x": (1, 3), "z": (1, 3)}


def test_a_model_with_fixed_rows_has_no_batches(tmp_path: Path) -> None:
    curves, loaded = measure(save(tmp_path / "net.onnx", 2), Variant("onnxruntime", 1))
    assert loaded.not_joined is not None
    assert [one.rows for one in curves.alone.points] == [1]
    assert loaded.shapes["x"] == (2, 3)


def test_a_model_that_cannot_be_loaded_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\x08\x12\x03abc")
    with pytest.raises(TuneError, match="ONNX Runtime, 1 thread: model net"):
        measure(path, Variant("onnxruntime", 1))


def test_a_service_is_tried_and_ended(tmp_path: Path, home: Path) -> None:
    base = config(save(tmp_path / "net.onnx"))
    settings = Settings(Variant("onnxruntime", 1), runs=2, max_batch=4)
    setting = Setting(GOAL, "http", {"x": (1, 3), "z": (1, 3)}, 8)
    tuned = model_config(base, settings)
    before = set(psutil.Process().children(recursive=True))
    with running("tuned", tuned, setting) as service:
        trial = service.at(20.0, 1.0, 1)
        assert trial.holds, trial
        assert trial.cpu_ms > 0
        assert trial.throughput > 0
        assert service.closed(8, 1.0).serving_ms > 0
        running_now = psutil.Process().children(recursive=True)
        assert any(serving_cpu_s(one.pid) > 0 for one in running_now)
    left = [one for one in psutil.Process().children(recursive=True) if one not in before]
    assert [one for one in left if one.status() != psutil.STATUS_ZOMBIE] == []


def test_a_service_that_does_not_start_is_explained(tmp_path: Path, home: Path) -> None:
    tuned = config(tmp_path / "none.onnx")
    with (
        pytest.raises(GrpsError, match="none"),
        running(
            "tuned",
            tuned,
            Setting(GOAL, "http", {}, 8),
        ),
    ):
        pass


def test_a_search_from_the_command_line(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One variant and one service beside the default: all steps, in little time.
    monkeypatch.setattr("grps.tune.tuning.usable_cpus", lambda: 1)
    monkeypatch.setattr("grps.tune.trials.contest._MOST", 1)
    monkeypatch.setattr("grps.tune.trials.runner._LIMITS_S", 1.0)
    model, result = save(tmp_path / "net.onnx"), tmp_path / "result.json"
    words = ["tune", str(model), "--slo", "p99=5s", "--engine", "onnxruntime", "--device", "cpu"]
    words += ["--objective", "latency", "--rate", "20", "--max_time", "15m", "--force"]
    done = CliRunner().invoke(main, [*words, "--json", str(result)])
    assert done.exit_code == 0, done.output
    record = json.loads(result.read_text())
    jsonschema.validate(record, SCHEMA)
    assert record["verdict"] in ("better", "keep")
    assert any(one["name"] == "default" for one in record["trials"])
    assert list((home / ".tune").iterdir()) == []
    if record["verdict"] == "better":
        entry = {
            "name": "net",
            "version": "1.0.0",
            "inferer_type": "onnxruntime",
            "inferer_path": "net.onnx",
            **record["changes"],
        }
        parse_inference(json.dumps({"models": [entry]}), "inference.yml")


def test_an_interrupted_search_goes_on(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grps.tune.tuning.usable_cpus", lambda: 1)
    base = config(save(tmp_path / "net.onnx"))
    search = Search(config=base, goal=GOAL, engines=("onnxruntime",), force=True)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("grps.tune.tuning.Contest", interrupt)
        with pytest.raises(KeyboardInterrupt):
            tune(search)
        (state,) = (home / ".tune").iterdir()
        kept = state.read_bytes()
        measured: list[str] = []
        with pytest.raises(KeyboardInterrupt):
            tune(search, lambda phase, line: measured.append(phase))
        assert "curves" not in measured
        assert state.read_bytes() == kept
