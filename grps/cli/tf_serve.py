"""``grpst tf_serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from grps.cli.serving.flags import serve_flags
from grps.cli.serving.model_service import serve_model


@click.command("tf_serve")
@serve_flags("tensorflow")
def command(model_path: Path, **flags: Any) -> None:
    """Put a TensorFlow SavedModel online.

    MODEL is the directory that tf.saved_model.save wrote, or Keras by model.export. The service
    runs in the background; its folder is ~/.grps/NAME, the model stays where it is. Then its log
    is followed until Ctrl-C, which leaves the service running.

    \b
    Examples:
      grpst tf_serve ./saved_model
      grpst tf_serve ./saved_model --name rank --port 7090,7091 --device cuda:1
      grpst tf_serve ./saved_model --signature classify --instances 2
      grpst tf_serve ./saved_model --customized_op_paths ./my_op.so --no_logging
      grpst tf_serve ./saved_model --batching_type dynamic --max_batch_size 32
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    serve_model("tensorflow", model_path, flags)
