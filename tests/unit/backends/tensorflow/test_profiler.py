"""Operators by TensorFlow's profiler."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grps.backends.common.profiling.timeline import Span
from grps.backends.operators import TensorForm
from grps.backends.tensorflow.profiler import read_spans
from grps.errors import ModelError
from tests.tensorflow_models import basic_pitch, save_scores
from tests.unit.backends.profiles import EXPLAINED, recorded

ENGINE = "tensorflow"
