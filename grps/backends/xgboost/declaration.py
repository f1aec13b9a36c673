"""What XGBoost declares of itself."""

from __future__ import annotations

from grps.backends.engine import Engine, ModelFormat, Verb

_LEARNER_WITHIN = 64


def _is_booster(head: bytes) -> bool:
    return head.startswith(b"{") and b"learner" in head[:_LEARNER_WITHIN]


ENGINE = Engine(
    name="xgboost",
    title="XGBoost",
    package="xgboost",
    extra="xgboost",
    distributions=("xgboost", "xgboost-cpu"),
    verb=Verb(
        name="xgboost_serve",
        summary="Put an XGBoost model online.",
        title="Put an XGBoost model online.",
        model="a file that save_model wrote, .ubj or .json.",
        examples=(
            "model.ubj",
            "model.json --batching_type dynamic --max_batch_size 256",
            "model.ubj --inferer_arg output_margin=true",
        ),
    ),
    formats=(ModelFormat(name="xgboost", title="XGBoost", head=_is_booster),),
    # A GPU is seldom faster for one batch of rows.
    default_device="cpu",
    threads="per_run",
)
