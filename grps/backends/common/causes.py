"""One-line causes out of the long texts that engines raise, and whose fault they are."""

from __future__ import annotations

import re

from grps.errors import GrpsError, InputError, ModelError

_OF_THE_INPUT = re.compile(
    r"shape|dimension|\bdim\b|\b(?:in)?sizes?\b|input_size|\brank\b|\d+D\b|mismatch|broadcast|channels|"
    r"elements not|out of (?:data )?(?:range|bounds)|scalar type|same dtype|not implemented for '|"
    r"converted to scalar",
    re.IGNORECASE,
)
"""What engines say of tensors that do not fit their operators."""
_OF_THE_MACHINE = re.compile(r"memory|alloc|cuda|cudnn|cublas|device-side", re.IGNORECASE)


def one_line(text: str) -> str:
    """Join the lines of ``text``."""
    return " ".join(text.split())


def run_error(cause: str, *, is_input: bool = False) -> GrpsError:
    """Return the error of a run that failed.

    The signature does not show all that a model's operators need, such as two inputs of one size
    or an index below the number of rows. A request that lacks it is the client's fault.

    Args:
        cause: What the engine says, on one line.
        is_input: Whether the engine itself says that the input is wrong.
    """
    of_input = is_input or bool(_OF_THE_INPUT.search(cause))
    kind = InputError if of_input and not _OF_THE_MACHINE.search(cause) else ModelError
    return kind(cause)
