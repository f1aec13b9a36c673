"""``grpst serve``."""

from __future__ import annotations

from typing import Any

import click

from grps.backends.formats import ACCEPTED
from grps.cli.serving.flags import serve_flags
from grps.cli.serving.model_argument import GivenModel
from grps.cli.serving.model_service import serve_model
from grps.deploy.project.app_project import is_app

HELP = f"""Put a model file online, whatever its format, or the models of a Python file.

The format is read from the file: {ACCEPTED}. Or it is a
Python file with functions or classes that have @grps.model. The service runs in the background; its
folder is ~/.grps/NAME, the model stays where it is. MODEL may also be a URI (s3://, gs://, az://,
https://, hf://, oci://, mlflow:); it is then fetched into a cache. Then the log of the service is
followed until Ctrl-C, which leaves the service running.

\b
Examples:
  grpst serve model.pt
  grpst serve app.py               # its functions and classes with @grps.model
  grpst serve model.onnx --name ocr --port 7090,7091
  grpst serve model.onnx -f        # in this terminal; Ctrl-C stops it
  grpst serve model.onnx --converter image --converter_arg labels=names.txt
"""


@click.command("serve", help=HELP)
@serve_flags()
def command(model: GivenModel, **flags: Any) -> None:
    """Serve a model file with the engine of its format."""
    if is_app(model.path):
        from grps.cli.app.serving import serve_app

        serve_app(model.path, flags)
    else:
        serve_model(None, model, flags)
