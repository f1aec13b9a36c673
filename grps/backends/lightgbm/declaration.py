"""What LightGBM declares of itself."""

from __future__ import annotations

from grps.backends.engine import Engine, ModelFormat, Verb


def _is_booster(head: bytes) -> bool:
    return head.startswith((b"tree\nversion=", b"tree\r\nversion="))


ENGINE = Engine(
    name="lightgbm",
    title="LightGBM",
    package="lightgbm",
    extra="lightgbm",
    distributions=("lightgbm",),
    verb=Verb(
        name="lightgbm_serve",
        summary="Put a LightGBM model online.",
        title="Put a LightGBM model online.",
        model="the text file that save_model wrote.",
        examples=(
            "model.txt",
            "model.txt --batching_type dynamic --max_batch_size 256",
            "model.txt --inferer_arg raw_score=true",
        ),
    ),
    formats=(ModelFormat(name="lightgbm", title="LightGBM", head=_is_booster),),
    default_device="cpu",
    threads="per_run",
)
