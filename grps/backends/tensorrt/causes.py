"""One-line causes out of what TensorRT writes to its log, and what to do about them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from grps.backends.common.causes import one_line

_WRAPPED = re.compile(r"^.*?Error Code \d+: (?P<kind>[\w ]+?) ?\((?P<text>.*)\)\s*$", re.DOTALL)
_PLACE = re.compile(r"\s*(?:\[?In )?\w+ at /\S+\.(?:cpp|h|cu):\d+\]?\s*")
_VAGUE = re.compile(r"^(?:Engine deserialization failed|std::exception)\.?$")
_SAME_VERSION = "build the engine again with the TensorRT that runs it"
_HINTS = (
    (re.compile(r"incompatible device|different GPU|compute capabilit", re.I), "on this GPU"),
    (re.compile(r"version|magic ?tag|plan file|serializ", re.I), _SAME_VERSION),
    (
        re.compile(r"plugin", re.I),
        "name the plugin's library in inferer_args: customized_op_paths",
    ),
    (re.compile(r"out of memory|allocat", re.I), "free GPU memory, or use fewer streams"),
)
"""What to do when a text matches; the first that does counts."""


def tensorrt_cause(messages: Sequence[str], otherwise: str) -> str:
    """Return the cause among the errors that TensorRT logged during one call.

    The first says most: those after it show which callers gave up.

    Args:
        messages: The errors, oldest first.
        otherwise: What to say when there is none.
    """
    causes = [cause for cause in map(_plain, messages) if cause and not _VAGUE.match(cause)]
    return causes[0] if causes else otherwise


def load_advice(cause: str, version: str) -> str:
    """Return what to do when an engine can't be loaded for ``cause`` by this TensorRT."""
    for pattern, hint in _HINTS:
        if pattern.search(cause):
            if hint == "on this GPU":
                return f"build the engine on the GPU that runs it, with TensorRT {version}"
            return f"{hint} ({version})" if hint == _SAME_VERSION else hint
    return f"check that the file is an engine for TensorRT {version}"


def _plain(message: str) -> str:
    found = _WRAPPED.match(message)
    text = one_line(_PLACE.sub(" ", found["text"] if found else message))
    # "6: The engine plan file ..." is how TensorRT 8 began.
    return re.sub(r"^\d+: ", "", text).strip()
