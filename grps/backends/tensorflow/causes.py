"""One-line causes out of the long texts that TensorFlow raises."""

from __future__ import annotations

import re

_NODE = re.compile(
    r"Detected at node (?P<quote>'?)(?P<name>[^\s']+)(?P=quote) defined|"
    r"\{\{(?:function_)?node (?P<other>[^}]+)\}\}"
)
_PLACE = re.compile(r"\s*\[\[(?:\{\{.*?\}\})+.*?\]\]|\s*\[Op:\w*\](?: name:.*)?$")
_OPERATOR = re.compile(r"Op type not registered '(\w+)'")
_NOISE = ("Graph execution error:", "Detected at node", "<stack traces", "File ", "Fallback to")


def tensorflow_cause(error: BaseException) -> str:
    """Return what TensorFlow says in ``error``, behind the name of the node that failed."""
    text = str(error)
    lines = [_PLACE.sub("", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(_NOISE)]
    if not lines:
        return type(error).__name__
    if operator := _OPERATOR.search(text):
        return (
            f"the operator {operator[1]} is not known to TensorFlow; name its library in "
            "inferer_args: customized_op_paths"
        )
    # Stack traces of the code that made a node stand before the cause.
    if not text.startswith("Graph execution error:"):
        return lines[0]
    node = _NODE.search(text)
    where = f"node {node['name'] or node['other']}: " if node else ""
    return where + lines[-1]
