"""The former home of ``send_intermediate_predict_response``."""

from __future__ import annotations

from grps.backends.torch.torchserve.ts.handler_utils.utils import (
    send_intermediate_predict_response,
)

__all__ = ["send_intermediate_predict_response"]
