"""Which versions of a repository are loaded, and when: poll by poll, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from onnx import TensorProto

from grps.config.parts.sources import RepositoryConfig
from grps.errors import ConfigError, ModelError
from grps.server.configuration import load_inference
from grps.server.repository.watching import RepositoryWatch
from tests.onnx_models import save_node


class Models:
    """Notes what it is told to do, as ``ServedModels`` would do it."""

    def __init__(self, conf: Path) -> None:
        self.done: list[str] = []
        self.failing: set[str] = set()
        self._conf = conf

    def load(self, key: str) -> None:
        assert key in {model.key for model in load_inference(self._conf).models}
        self.done.append(f"load {key}")
        if key in self.failing:
            raise ModelError("damaged")

    def reload(self, key: str) -> None:
        self.load(key)
        self.done[-1] = f"re{self.done[-1]}"

    def unload(self, key: str) -> None:
        self.done.append(f"unload {key}")


class Watched:
    """A repository, its watch, and what that does."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "models"
        self.conf = folder / "conf" / "inference.yml"
        self.conf.parent.mkdir()
        repository = {"path": str(self.root), "poll_seconds": 1}
        self.conf.write_text(yaml.safe_dump({"models": [], "repository": repository}))
        self.models = Models(self.conf)
        self.watch = RepositoryWatch(
            RepositoryConfig(path="models", poll_seconds=1), folder, self.conf
        )

    def put(self, name: str, version: int, operator: str = "Neg", config: str = "") -> Path:
        folder = self.root / name / str(version)
        folder.mkdir(parents=True, exist_ok=True)
        if config:
            (folder.parent / "config.pbtxt").write_text(config)
        tensor = ("x", TensorProto.FLOAT, ["n"])
        return save_node(
            folder / "model.onnx", operator, [tensor], [("y", TensorProto.FLOAT, ["n"])]
        )

    def settle(self) -> None:
        self.watch.settle(lambda seconds: False)

    def step(self) -> list[str]:
        """Read once more; return what was done."""
        self.models.done.clear()
        self.watch.step(self.models)  # type: ignore[arg-type]
        return list(self.models.done)

    def entries(self) -> dict[str, dict[str, Any]]:
        models = yaml.safe_load(self.conf.read_text())["models"]
        return {f"{one['name']}-{one['version']}": one for one in models}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    made = Watched(tmp_path)
    made.put("net", 1)
    return made


def test_a_start_has_what_is_there(watched: Watched) -> None:
    watched.settle()
    config = load_inference(watched.conf)
    assert [model.key for model in config.models] == ["net-1"]
    assert config.models[0].inferer_type == "onnxruntime"
    # Requests that name no model go to the latest version of the only one.
    assert config.dag is not None
    assert config.dag.nodes[0].model == "net"
    assert watched.step() == watched.step() == []


def test_a_later_version_takes_over_once_it_is_whole(watched: Watched) -> None:
    watched.settle()
    whole = watched.put("net", 2).read_bytes()
    file = watched.root / "net" / "2" / "model.onnx"
    for count in (10, 20, len(whole)):
        file.write_bytes(whole[:count])
        assert watched.step() == []  # the files differ from what was read before
    assert watched.step()[0] == "load net-2"
    assert watched.step() == []
    assert [*watched.entries()] == ["net-2"]


def test_the_former_version_stays_until_the_later_one_is_served(watched: Watched) -> None:
    watched.settle()
    watched.put("net", 2)
    watched.models.failing = {"net-2"}
    assert watched.step() == []
    assert watched.step() == ["load net-2"]
    assert watched.step() == watched.step() == []  # it is not tried again as it is
    assert [*watched.entries()] == ["net-1"]
    watched.models.failing = set()
    watched.put("net", 2, "Abs")
    assert watched.step() == []
    assert watched.step() == ["load net-2", "unload net-1"]


def test_changed_files_are_reloaded_and_a_failure_keeps_the_entry(watched: Watched) -> None:
    watched.settle()
    watched.put("net", 1, "Abs")
    assert watched.step() == []
    assert watched.step() == ["reload net-1"]
    watched.models.failing = {"net-1"}
    watched.put("net", 1, "Neg")
    watched.step()
    assert watched.step() == ["load net-1"]
    assert [*watched.entries()] == ["net-1"]


def test_a_changed_configuration_is_a_change(watched: Watched) -> None:
    watched.settle()
    watched.put("net", 1, config="instance_group { count: 2 }")
    watched.step()
    assert watched.step() == ["reload net-1"]
    assert watched.entries()["net-1"]["instances"] == 2


def test_removed_models_are_unloaded_when_they_are_gone_twice(watched: Watched) -> None:
    watched.put("other", 1)
    watched.settle()
    assert load_inference(watched.conf).dag is None
    (watched.root / "other").rename(watched.root / ".other")
    assert watched.step() == []
    (watched.root / ".other").rename(watched.root / "other")
    assert watched.step() == watched.step() == []
    (watched.root / "other").rename(watched.root / ".other")
    assert watched.step() == []
    assert watched.step() == ["unload other-1"]
    assert [*watched.entries()] == ["net-1"]


def test_edited_entries_and_models_of_other_places_stay(watched: Watched) -> None:
    watched.settle()
    document = yaml.safe_load(watched.conf.read_text())
    document["models"][0]["instances"] = 3
    other = {"name": "id", "version": 1, "inferer_type": "identity"}
    document["models"].append(other)
    watched.conf.write_text(yaml.safe_dump(document))
    watched.settle()
    assert watched.entries()["net-1"]["instances"] == 3
    assert watched.entries()["id-1"] == other
    assert load_inference(watched.conf).dag is None


def test_what_can_not_be_served_is_left_out_and_nothing_at_all_is_refused(
    watched: Watched, tmp_path: Path
) -> None:
    watched.put("steps", 1, config="sequence_batching {}")
    (watched.root / "empty").mkdir()
    (watched.root / "text" / "1").mkdir(parents=True)
    (watched.root / "text" / "1" / "model.onnx").write_text("not a model")
    (watched.root / "net" / "latest").mkdir()
    watched.settle()
    assert "net-1" in watched.entries()
    assert "steps-1" not in watched.entries()
    (watched.root / "net" / "1" / "model.onnx").unlink()
    (watched.root / "text" / "1" / "model.onnx").unlink()
    with pytest.raises(ConfigError, match=r"steps: .*it keeps a state"):
        watched.settle()


@pytest.mark.parametrize(
    "config", [f"max_batch_size: {'9' * 5000}", 'default_model_filename: "a\x00b"', "\x00", "{"]
)
def test_a_config_that_no_one_reads_leaves_other_models_alone(
    watched: Watched, config: str
) -> None:
    watched.settle()
    watched.put("other", 1, config=config)
    watched.put("third", 1)
    assert watched.step() == []
    assert watched.step() == ["load third-1"]


def test_polling_goes_on_when_the_configuration_is_broken_meanwhile(watched: Watched) -> None:
    watched.settle()
    watched.put("net", 2)
    good = watched.conf.read_text()
    times = 0

    def wait(seconds: float) -> bool:
        nonlocal times
        times += 1
        if times <= 3:
            watched.conf.write_text("models: [\n" if times < 3 else good)
        return times > 5

    watched.watch.follow(watched.models, wait)  # type: ignore[arg-type]
    assert watched.models.done == ["load net-2", "unload net-1"]
