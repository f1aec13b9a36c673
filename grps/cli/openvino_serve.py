"""``grpst openvino_serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from grps.cli.serving.flags import serve_flags
from grps.cli.serving.model_service import serve_model


@click.command("openvino_serve")
@serve_flags("openvino")
def command(model_path: Path, **flags: Any) -> None:
    """Put an OpenVINO or ONNX model online, run by OpenVINO.

    MODEL is the .xml file of OpenVINO's IR, its .bin beside it, or an .onnx file. The service runs
    in the background; its folder is ~/.grps/NAME, the model stays where it is. Then its log is
    followed until Ctrl-C, which leaves the service running.

    \b
    Examples:
      grpst openvino_serve model.xml
      grpst openvino_serve model.onnx --streams 2 --intra_op_threads 2
      grpst openvino_serve model.xml --device gpu
      grpst openvino_serve model.xml --inferer_arg inference_precision=f32
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    serve_model("openvino", model_path, flags)
