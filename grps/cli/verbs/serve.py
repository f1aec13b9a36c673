"""``grpst serve``."""

from __future__ import annotations

from typing import Any

import click

from grps.backends.formats import ACCEPTED
from grps.cli.serving.flags import serve_flags
from grps.cli.serving.model_argument import GivenModel
from grps.cli.serving.model_service import serve_model

HELP = f"""Put a model file online, whatever its format.

The format is read from the file: {ACCEPTED}. The service runs in the background; its folder is
~/.grps/NAME, the model stays where it is. MODEL may also be a URI (s3://, gs://, az://, https://,
hf://, oci://, mlflow:); it is then fetched into a cache. Then the log of the service is followed
until Ctrl-C, which leaves the service running.

\b
Examples:
  grpst serve model.pt
  grpst serve model.onnx --name ocr --port 7090,7091
  grpst serve model.onnx -f        # in this terminal; Ctrl-C stops it
  grpst serve model.onnx --converter image --converter_arg labels=names.txt
"""


@click.command("serve", help=HELP)
@serve_flags()
def command(model: GivenModel, **flags: Any) -> None:
    """Serve a model file with the engine of its format."""
    serve_model(None, model, flags)
