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

    text = _VALUE.sub(lambda found: f"--{found['key']}", text)
    text = _SET_IN.sub(lambda found: f"set {flag(found)}", text)
    text = _KEY.sub(flag, text)
    text = _BATCHING.sub(
        lambda found: "--batching_type" if found[0] == "batching.type" else "--max_batch_size", text
    )
    return _SECTION.sub(lambda found: f"--{found['section']}_arg", text)
