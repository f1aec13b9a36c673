"""What an interrupted search leaves."""

from __future__ import annotations

from pathlib import Path

import msgspec

from grps.tune.curves.orders import Loaded
from grps.tune.saved import Saved, StateFile, key_of, with_curves
from tests.unit.tune.made import CONFIG, ONE, curves

LOADED = Loaded(0.1, {"x": (1, 3)}, None, None)


def test_curves_are_kept_and_removed(tmp_path: Path) -> None:
    state = StateFile("key", tmp_path)
    assert state.read() is None
    saved = with_curves(Saved(), curves(ONE, 1.0, 0.5), LOADED)
    state.write(saved)
    assert state.read() == saved
    state.remove()
    assert state.read() is None


def test_a_damaged_file_is_as_none(tmp_path: Path) -> None:
    state = StateFile("key", tmp_path)
    for text in ("", "{", '{"format": "other/1"}', '{"format": "grps-tune-state/1"}'):
        state.path.write_text(text)
        assert state.read() is None


def test_a_folder_that_cannot_be_written_costs_only_the_state(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    state = StateFile("key", tmp_path / "file")
    state.write(Saved(curves=(curves(ONE, 1.0, 0.5),)))
    assert state.read() is None


def test_the_key_depends_on_content_engines_and_goal(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"one")
    config = msgspec.structs.replace(CONFIG, inferer_path=str(path))
    first = key_of(config, ["onnxruntime"], "p99")
    assert key_of(config, ["onnxruntime"], "p99") == first
    others = {
        key_of(config, ["onnxruntime", "openvino"], "p99"),
        key_of(config, ["onnxruntime"], "p9"),
    }
    (tmp_path / "net.onnx.data").write_bytes(b"weights")
    others.add(key_of(config, ["onnxruntime"], "p99"))
    path.write_bytes(b"two")
    others.add(key_of(config, ["onnxruntime"], "p99"))
    others.add(key_of(msgspec.structs.replace(config, instances=2), ["onnxruntime"], "p99"))
    assert len(others - {first}) == 5
