"""``grpst lightgbm_serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from grps.cli.serving.flags import serve_flags
from grps.cli.serving.model_service import serve_model


@click.command("lightgbm_serve")
@serve_flags("lightgbm")
def command(model_path: Path, **flags: Any) -> None:
    """Put a LightGBM model online.

    MODEL is the text file that save_model wrote. The service runs in the background; its folder is
    ~/.grps/NAME, the model stays where it is. Then its log is followed until Ctrl-C, which leaves
    the service running.

    \b
    Examples:
      grpst lightgbm_serve model.txt
      grpst lightgbm_serve model.txt --batching_type dynamic --max_batch_size 256
      grpst lightgbm_serve model.txt --inferer_arg raw_score=true
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    serve_model("lightgbm", model_path, flags)
