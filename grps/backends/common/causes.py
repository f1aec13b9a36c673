"""One-line causes out of the long texts that engines raise."""

from __future__ import annotations

import re

_ORT_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_ORT_NODE = re.compile(
    r"^Non-zero status code returned while running (?P<op>\S+) node\. "
    r"Name:'(?P<name>[^']*)' Status Message: "
)
_ORT_PLACE = re.compile(r"^/\S+\.(?:cc|h|cpp|cuh?):\d+ .*? was false\. ")
_OPENVINO_PLACE = re.compile(
    r"^(?:Exception from \S+:\d+:|Check '.*' failed at \S+:\d+:|FrontEnd API failed with \w+:)$"
)
_PYTHON_ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b(?:: .*)?$")
_TF_NODE = re.compile(
    r"Detected at node (?P<quote>'?)(?P<name>[^\s']+)(?P=quote) defined|"
    r"\{\{(?:function_)?node (?P<other>[^}]+)\}\}"
)
_TF_PLACE = re.compile(r"\s*\[\[(?:\{\{.*?\}\})+.*?\]\]|\s*\[Op:\w*\](?: name:.*)?$")
_TF_OPERATOR = re.compile(r"Op type not registered '(\w+)'")
_TF_NOISE = ("Graph execution error:", "Detected at node", "<stack traces", "File ", "Fallback to")
_TORCHSCRIPT = "Traceback of TorchScript"


def onnxruntime_cause(error: BaseException) -> str:
    """Return what ONNX Runtime says in ``error`` without its codes and source places."""
    text = _ORT_PREFIX.sub("", str(error))
    node = _ORT_NODE.match(text)
    if node is None:
        return one_line(text) or type(error).__name__
    where = f"{node['op']} node {node['name']}".rstrip()
    return f"{where}: {one_line(_ORT_PLACE.sub('', text[node.end() :]))}"


def openvino_cause(error: BaseException) -> str:
    """Return what OpenVINO says in ``error`` without the places in its sources."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not _OPENVINO_PLACE.match(line)]
    return one_line(" ".join(told)) or type(error).__name__


def torch_cause(error: BaseException) -> str:
    """Return the one line that tells what failed in PyTorch.

    A TorchScript error ends with the true one after a traceback of the script; all other
    texts begin with it.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if any(_TORCHSCRIPT in line for line in lines):
        causes = [line for line in lines if _PYTHON_ERROR.match(line)]
        if causes:
            return causes[-1].removeprefix("RuntimeError: ").removeprefix("builtins.")
    return lines[0]


def tensorflow_cause(error: BaseException) -> str:
    """Return what TensorFlow says in ``error``, behind the name of the node that failed."""
    text = str(error)
    lines = [_TF_PLACE.sub("", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(_TF_NOISE)]
    if not lines:
        return type(error).__name__
    if operator := _TF_OPERATOR.search(text):
        return (
            f"the operator {operator[1]} is not known to TensorFlow; name its library in "
            "inferer_args: customized_op_paths"
        )
    # Stack traces of the code that made a node stand before the cause.
    if not text.startswith("Graph execution error:"):
        return lines[0]
    node = _TF_NODE.search(text)
    where = f"node {node['name'] or node['other']}: " if node else ""
    return where + lines[-1]


def one_line(text: str) -> str:
    """Join the lines of ``text``."""
    return " ".join(text.split())
