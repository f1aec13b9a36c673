"""What engines write to standard error by themselves."""

from __future__ import annotations

import os


def quiet_engines() -> None:
    """Keep TensorFlow from writing notices and every failed run; call it before that is imported.

    Failures reach the user as exceptions. A level that is set in the environment stays.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
