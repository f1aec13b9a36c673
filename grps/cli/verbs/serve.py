"""``grpst serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from grps.backends.formats import ACCEPTED
from grps.cli.serving.flags import serve_flags
from grps.cli.serving.model_service import serve_model

HELP = f"""Put a model file online, whatever its format.

The format is read from the file: {ACCEPTED}. The service runs in the background; its folder is
~/.grps/NAME, the model stays where it is. Then its log is followed until Ctrl-C, which leaves the
service running.

\b
Examples:
  grpst serve model.pt
  grpst serve model.onnx --name ocr --port 7090,7091
  grpst serve model.onnx -f        # in this terminal; Ctrl-C stops it
  grpst serve model.onnx --converter image --converter_arg labels=names.txt
"""


@click.command("serve", help=HELP)
@serve_flags()
def command(model_path: Path, **flags: Any) -> None:
    """Serve a model file with the engine of its format."""
    serve_model(None, model_path, flags)
