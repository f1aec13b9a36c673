"""``grpst sklearn_serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from grps.cli.serving.flags import serve_flags
from grps.cli.serving.model_service import serve_model


@click.command("sklearn_serve")
@serve_flags("sklearn")
def command(model_path: Path, **flags: Any) -> None:
    """Put an estimator or pipeline of scikit-learn online.

    MODEL is a file that joblib or pickle wrote. Such a file runs whatever code it holds as it is
    loaded, so it is refused without --trusted. The service runs in the background; its folder is
    ~/.grps/NAME, the model stays where it is. Then its log is followed until Ctrl-C, which leaves
    the service running.

    \b
    Examples:
      grpst sklearn_serve model.joblib --trusted
      grpst sklearn_serve model.joblib --trusted --inferer_arg methods=predict_proba
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    serve_model("sklearn", model_path, flags)
