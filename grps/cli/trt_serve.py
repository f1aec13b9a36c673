"""``grpst trt_serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from grps.cli.serving.flags import serve_flags
from grps.cli.serving.model_service import serve_model


@click.command("trt_serve")
@serve_flags("tensorrt")
def command(model_path: Path, **flags: Any) -> None:
    """Put a TensorRT engine online.

    MODEL is an engine file (.engine, .plan), built by the TensorRT and on the kind of GPU that run
    it. The service runs in the background; its folder is ~/.grps/NAME, the engine stays where it
    is. Then its log is followed until Ctrl-C, which leaves the service running.

    \b
    Examples:
      grpst trt_serve model.engine
      grpst trt_serve model.engine --name detect --port 7090,7091 --device cuda:1
      grpst trt_serve model.plan --streams 4 --customized_op_paths libplugins.so
      grpst trt_serve model.engine --batching_type dynamic --max_batch_size 8
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    serve_model("tensorrt", model_path, flags)
