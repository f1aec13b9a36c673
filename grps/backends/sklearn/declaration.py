"""What scikit-learn declares of itself."""

from __future__ import annotations

from grps.backends.common.foreign_formats import LEGACY_TORCH
from grps.backends.engine import Engine, Flag, ModelFormat, Verb

_PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


def is_pickle(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` is a pickle of anything but weights."""
    return head.startswith(_PICKLES) and not head.startswith(LEGACY_TORCH)


ENGINE = Engine(
    name="sklearn",
    title="scikit-learn",
    package="sklearn",
    extra="sklearn",
    distributions=("scikit-learn",),
    also_imports=("joblib",),
    verb=Verb(
        name="sklearn_serve",
        summary="Put an estimator of scikit-learn online.",
        title="Put an estimator or pipeline of scikit-learn online.",
        model="a file that joblib or pickle wrote. Such a file runs whatever code it holds as it "
        "is loaded, so it is refused without --trusted.",
        examples=(
            "model.joblib --trusted",
            "model.joblib --trusted --inferer_arg methods=predict_proba",
        ),
    ),
    formats=(
        ModelFormat(
            name="sklearn",
            title="scikit-learn (a pickle)",
            head=is_pickle,
            # joblib may have compressed them.
            suffixes=frozenset({".joblib", ".pkl", ".pickle"}),
        ),
    ),
    flags=(
        Flag(
            name="trusted",
            help="The pickle comes from a source you trust: loading it runs the code in it",
            kind="switch",
        ),
    ),
    default_device="cpu",
)
