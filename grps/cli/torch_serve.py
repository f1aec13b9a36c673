"""``grpst torch_serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from grps.cli.serving.flags import serve_flags
from grps.cli.serving.model_service import serve_model


@click.command("torch_serve")
@serve_flags("torch")
def command(model_path: Path, **flags: Any) -> None:
    """Put a PyTorch model online: TorchScript, torch.export or AOTInductor.

    MODEL is the file that torch.jit.save, torch.export.save or AOTInductor wrote. The service runs
    in the background; its folder is ~/.grps/NAME, the model stays where it is. Then its log is
    followed until Ctrl-C, which leaves the service running.

    \b
    Examples:
      grpst torch_serve model.pt
      grpst torch_serve model.pt --name detect --port 7090,7091 --device cuda:1
      grpst torch_serve model.pt --instances 2 --intra_op_threads 4 --no_logging
      grpst torch_serve model.pt --batching_type dynamic --max_batch_size 32
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    serve_model("torch", model_path, flags)
