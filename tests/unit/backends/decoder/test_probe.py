"""What ``grpst doctor`` says of the decoder."""

from __future__ import annotations

import torch

from grps.backends.probe import probe


def test_it_reports_pytorch_and_its_devices() -> None:
    found = probe("decoder", has_gpu=False)
    assert (found.version, found.devices) == (torch.__version__, ("cpu",))
    assert "llguidance " in found.detail
