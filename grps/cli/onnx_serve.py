"""``grpst onnx_serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from grps.cli.serving.flags import serve_flags
from grps.cli.serving.model_service import serve_model


@click.command("onnx_serve")
@serve_flags("onnxruntime")
def command(model_path: Path, **flags: Any) -> None:
    """Put an ONNX model online.

    MODEL is an .onnx file, its external data beside it if it has any. The service runs in the
    background; its folder is ~/.grps/NAME, the model stays where it is. Then its log is followed
    until Ctrl-C, which leaves the service running.

    \b
    Examples:
      grpst onnx_serve model.onnx
      grpst onnx_serve model.onnx --name ocr --port 7090,7091 --intra_op_threads 4
      grpst onnx_serve model.onnx --batching_type dynamic --max_batch_size 32
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    serve_model("onnxruntime", model_path, flags)
