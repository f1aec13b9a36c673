"""Errors about keys of the configuration, in the words of someone who gave flags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from grps.cli.serving.engine_flags import ENGINE_FLAGS
from grps.errors import GrpsError

OWN_FLAGS = frozenset(("customized_op_paths", "intra_op_threads"))
"""Flags of all engines that are ``inferer_args`` of the same name."""
_SET_IN = re.compile(r"\bset (?P<key>\w+) in (?P<section>inferer|converter)_args\b")
_VALUE = re.compile(
    r"\b(?P<section>inferer|converter)_args: (?P<key>\w+): (?P<value>\w+) \(--(?P=key)\)"
)
_KEY = re.compile(r"\b(?P<section>inferer|converter)_args: (?P<key>\w+)(?! key )\b")
_BATCHING = re.compile(r"\bbatching\.type\b|(?<!-)\bmax_batch_size\b")
_SECTION = re.compile(r"\b(?P<section>inferer|converter)_args\b")

FLAGS_OF_KEYS = {
    "name": "--model_name",
    "version": "--model_version",
    "inferer_path": "MODEL",
    "inferer_args": "--inferer_arg",
    "converter_type": "--converter",
    "converter_args": "--converter_arg",
    "batching.type": "--batching_type",
    "batching.max_batch_size": "--max_batch_size",
    "batching.batch_timeout_us": "--batch_timeout_us",
    "interface.framework": "--interface_framework",
    "interface.host": "--host",
    "interface.port": "--port",
    "interface.customized_predict_http.path": "--customized_predict_http_path",
    "gpu.devices": "--gpu_devices_idx",
    "gpu.mem_limit_mib": "--gpu_mem_limit_mib",
    "gpu.mem_gc_enable": "--gpu_mem_gc_enable",
    "gpu.mem_gc_interval": "--gpu_mem_gc_interval",
    "log.log_dir": "--log_dir",
    "log.log_backup_count": "--log_backup_count",
}
"""Flags of keys that have another name; all others are ``--KEY``."""
_PLACE = re.compile(r"^\S.*?/conf/(?:inference|server)\.yml:\d+: (?:models\[0\]\.)?(?P<key>[\w.]+)")
_GIVEN = re.compile(r"\b(?P<key>converter_type is|batching\.type|device:) (?P<value>'?\w)")
_SIZE = re.compile(r"(?<!-)\b(?P<key>max_batch_size)\b")


@contextmanager
def speaking_of_flags(engine: str) -> Iterator[None]:
    """Let errors of the block name flags instead of keys of ``inference.yml``.

    Args:
        engine: The engine, which decides the flags that there are.
    """
    try:
        yield
    except GrpsError as error:
        error.args = (with_flags(str(error), engine),)
        raise


def with_flags(text: str, engine: str) -> str:
    """Return a message with ``--signature`` instead of ``signature in inferer_args``."""

    def flag(found: re.Match[str]) -> str:
        key = found["key"]
        if key.endswith("_args"):
            return f"--{found['section']}_arg"
        if found["section"] == "converter":
            return f"--converter_arg {key}"
        is_flag = key in ENGINE_FLAGS and engine in ENGINE_FLAGS[key].engines
        return f"--{key}" if is_flag or key in OWN_FLAGS else f"--inferer_arg {key}"

    text = _PLACE.sub(lambda found: _flag_of(found["key"]), text)
    text = _GIVEN.sub(_flag_and_value, text)
    text = _SIZE.sub(lambda found: f"--{found['key']}", text)
    text = _VALUE.sub(lambda found: f"--{found['key']}", text)
    text = _SET_IN.sub(lambda found: f"set {flag(found)}", text)
    text = _KEY.sub(flag, text)
    text = _BATCHING.sub(
        lambda found: "--batching_type" if found[0] == "batching.type" else "--max_batch_size", text
    )
    return _SECTION.sub(lambda found: f"--{found['section']}_arg", text)


def _flag_of(key: str) -> str:
    section, _, rest = key.partition(".")
    if section in ("inferer_args", "converter_args") and rest:
        return f"{FLAGS_OF_KEYS[section]} {rest}"
    return FLAGS_OF_KEYS.get(key, f"--{key}")


def _flag_and_value(found: re.Match[str]) -> str:
    if found["key"] == "device:":
        return f"--device {found['value']}"
    return f"{_flag_of(found['key'].removesuffix(' is'))} {found['value']}"
