"""One-line causes out of the long texts that PyTorch raises."""

from __future__ import annotations

import re

_PYTHON_ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b(?:: .*)?$")
_TORCHSCRIPT = "Traceback of TorchScript"


def torch_cause(error: BaseException) -> str:
    """Return the one line that says what failed in PyTorch.

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
