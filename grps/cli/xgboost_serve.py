"""``grpst xgboost_serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from grps.cli.serving.flags import serve_flags
from grps.cli.serving.model_service import serve_model


@click.command("xgboost_serve")
@serve_flags("xgboost")
def command(model_path: Path, **flags: Any) -> None:
    """Put an XGBoost model online.

    MODEL is a file that save_model wrote, .ubj or .json. The service runs in the background; its
    folder is ~/.grps/NAME, the model stays where it is. Then its log is followed until Ctrl-C,
    which leaves the service running.

    \b
    Examples:
      grpst xgboost_serve model.ubj
      grpst xgboost_serve model.json --batching_type dynamic --max_batch_size 256
      grpst xgboost_serve model.ubj --inferer_arg output_margin=true
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    serve_model("xgboost", model_path, flags)
