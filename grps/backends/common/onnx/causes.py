"""One-line causes out of the long texts that ONNX Runtime raises."""

from __future__ import annotations

import re

from grps.backends.common.causes import one_line

_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_NODE = re.compile(
    r"^Non-zero status code returned while running (?P<op>\S+) node\. "
    r"Name:'(?P<name>[^']*)' Status Message: "
)
_PLACE = re.compile(r"^/\S+\.(?:cc|h|cpp|cuh?):\d+ .*? was false\. ")


def onnxruntime_cause(error: BaseException) -> str:
    """Return what ONNX Runtime says in ``error`` without its codes and source places."""
    text = _PREFIX.sub("", str(error))
    node = _NODE.match(text)
    if node is None:
        return one_line(text) or type(error).__name__
    where = f"{node['op']} node {node['name']}".rstrip()
    return f"{where}: {one_line(_PLACE.sub('', text[node.end() :]))}"
