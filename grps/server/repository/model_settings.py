"""What ``config.pbtxt`` says of a model, in the keys of ``inference.yml``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grps.errors import ConfigError
from grps.server.repository.config_text import Message

ENGINES = {
    "onnxruntime_onnx": "onnxruntime",
    "onnxruntime": "onnxruntime",
    "tensorflow_savedmodel": "tensorflow",
    "tensorflow": "tensorflow",
    "pytorch_libtorch": "torch",
    "pytorch": "torch",
    "tensorrt_plan": "tensorrt",
    "tensorrt": "tensorrt",
    "openvino": "openvino",
}
"""Engines by Triton's names of platforms and backends."""
FILES = {
    "onnxruntime": "model.onnx",
    "tensorflow": "model.savedmodel",
    "torch": "model.pt",
    "tensorrt": "model.plan",
    "openvino": "model.xml",
}
"""What the model of an engine is called in the folder of its version."""
READ_FROM_THE_MODEL = {"input", "output", "name", "platform", "backend", "default_model_filename"}
REFUSED = {
    "ensemble_scheduling": "an ensemble; write a graph: docs/guides/graphs.md",
    "sequence_batching": "it keeps a state between requests",
    "batch_input": "the batcher would have to make inputs",
    "batch_output": "the batcher would have to make outputs",
    "cc_model_filenames": "it has one file per kind of GPU",
}
"""Fields without which a model would give other answers."""
_BATCHING = {
    "preferred_batch_size",
    "max_queue_delay_microseconds",
    "priority_levels",
    "default_queue_policy",
}


@dataclass(slots=True)
class ModelSettings:
    """A model of the repository, in the keys of ``inference.yml``."""

    engine: str | None = None
    """What its platform or backend stands for; the file says so when ``None``."""
    file_name: str | None = None
    keys: dict[str, Any] = field(default_factory=dict)
    """Keys of its entry besides its name, version and file."""
    latest: int | None = 1
    """How many of its latest versions are served; all when ``None``."""
    versions: tuple[str, ...] = ()
    """The versions that are served; ``latest`` says when empty."""
    notes: list[str] = field(default_factory=list)
    """What has no effect."""

    def chosen(self, versions: list[str]) -> list[str]:
        """Return which of the versions, which are numbers, are served."""
        ordered = sorted(versions, key=int)
        if self.versions:
            return [one for one in ordered if one in self.versions]
        return ordered if self.latest is None else ordered[-self.latest :]


def settings_of(config: Message, name: str) -> ModelSettings:
    """Read what a model's ``config.pbtxt`` says.

    Raises:
        ConfigError: It says something that GRPS does not have, and that the answers depend on.
    """
    made = ModelSettings()
    for key, cause in REFUSED.items():
        if key in config:
            raise ConfigError(f"{key}: {cause}")
    if _last(config, "name", name) != name:
        raise ConfigError(f"name is {config['name'][-1]!r}, but the folder is {name!r}")
    if (policy := _message(config, "model_transaction_policy")) and _last(policy, "decoupled", 0):
        raise ConfigError("model_transaction_policy: decoupled models are not served")
    _read_engine(config, made)
    _read_batching(config, made)
    _read_instances(config, made)
    _read_versions(config, made)
    known = READ_FROM_THE_MODEL | {
        "max_batch_size",
        "dynamic_batching",
        "instance_group",
        "version_policy",
        "model_transaction_policy",
    }
    made.notes += [f"{key} has no effect" for key in config if key not in known]
    return made


def _read_engine(config: Message, made: ModelSettings) -> None:
    for key in ("backend", "platform"):
        asked = str(_last(config, key, ""))
        if not asked:
            continue
        if asked not in ENGINES:
            known = ", ".join(ENGINES)
            raise ConfigError(f"{key} {asked!r} is not served; served are {known}")
        made.engine = ENGINES[asked]
        break
    file_name = str(_last(config, "default_model_filename", ""))
    if "/" in file_name or file_name in (".", "..") or not file_name.isprintable():
        raise ConfigError(f"default_model_filename {file_name!r} is no name of a file")
    made.file_name = file_name or None


def _read_batching(config: Message, made: ModelSettings) -> None:
    most = _number(config, "max_batch_size", 0)
    if "dynamic_batching" not in config:
        return
    if most < 1:
        made.notes.append("dynamic_batching has no effect without max_batch_size")
        return
    asked = _message(config, "dynamic_batching")
    batching: dict[str, Any] = {"type": "dynamic", "max_batch_size": most}
    preferred = [size for size in asked.get("preferred_batch_size", []) if isinstance(size, int)]
    if preferred:
        batching["preferred_sizes"] = sorted({size for size in preferred if 0 < size <= most})
    if delay_us := _number(asked, "max_queue_delay_microseconds", 0):
        batching |= {"wait": "always", "batch_timeout_us": delay_us}
    made.keys["batching"] = batching
    queue = _queue(asked, made)
    if queue:
        made.keys["queue"] = queue
    made.notes += [f"dynamic_batching.{key} has no effect" for key in asked.keys() - _BATCHING]


def _queue(batching: Message, made: ModelSettings) -> dict[str, Any]:
    queue: dict[str, Any] = {}
    if levels := _number(batching, "priority_levels", 0):
        queue["priority_levels"] = levels
    policy = _message(batching, "default_queue_policy")
    if length := _number(policy, "max_queue_size", 0):
        queue["max_length"] = length
    if timeout_us := _number(policy, "default_timeout_microseconds", 0):
        queue["timeout_ms"] = max(timeout_us // 1000, 1)
    unread = policy.keys() - {"max_queue_size", "default_timeout_microseconds"}
    made.notes += [f"default_queue_policy.{key} has no effect" for key in sorted(unread)]
    return queue


def _read_instances(config: Message, made: ModelSettings) -> None:
    groups = [group for group in config.get("instance_group", []) if isinstance(group, dict)]
    counts = {_number(group, "count", 1) for group in groups}
    devices: list[str] = []
    for group in groups:
        kind = str(_last(group, "kind", "KIND_AUTO"))
        if kind == "KIND_GPU":
            gpus = [gpu for gpu in group.get("gpus", []) if isinstance(gpu, int)]
            devices += [f"cuda:{gpu}" for gpu in gpus or [0]]
        elif kind == "KIND_CPU":
            devices.append("cpu")
        elif kind not in ("KIND_AUTO", "KIND_MODEL"):
            raise ConfigError(f"instance_group: {kind} is no kind of an instance")
        made.notes += [
            f"instance_group.{key} has no effect"
            for key in group.keys() - {"count", "kind", "gpus", "name"}
        ]
    if len(counts) > 1:
        raise ConfigError("instance_group: groups with different counts are not served")
    if counts:
        made.keys["instances"] = counts.pop()
    if devices:
        made.keys["device"] = ",".join(dict.fromkeys(devices))


def _read_versions(config: Message, made: ModelSettings) -> None:
    policy = _message(config, "version_policy")
    if "all" in policy:
        made.latest = None
    elif "specific" in policy:
        made.versions = tuple(map(str, _message(policy, "specific").get("versions", [])))
    elif "latest" in policy:
        made.latest = max(_number(_message(policy, "latest"), "num_versions", 1), 1)


def _last(config: Message, key: str, otherwise: Any) -> Any:
    values = config.get(key) or [otherwise]
    return values[-1]


def _number(config: Message, key: str, otherwise: int) -> int:
    value = _last(config, key, otherwise)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigError(f"{key} is {value!r}, which is no number of 0 or more")
    return value


def _message(config: Message, key: str) -> Message:
    value = _last(config, key, {})
    if not isinstance(value, dict):
        raise ConfigError(f"{key} is {value!r}, which is no message")
    return value
