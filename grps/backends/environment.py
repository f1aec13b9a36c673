"""What engines read from the environment when they load or first run."""

from __future__ import annotations

import os


def quiet_engines() -> None:
    """Keep TensorFlow from writing notices and every failed run; call it before that is imported.

    Failures reach the user as exceptions. A level that is set in the environment stays.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def suggest_tensorflow_threads(count: int) -> None:
    """Let TensorFlow share an operator among so many threads unless a model or a user says more.

    It looks when it first runs; its threads belong to the process and can't be changed after that,
    which a service that loads another model later must not fail at.
    """
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(count))
