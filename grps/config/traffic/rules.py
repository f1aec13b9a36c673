"""Rules for the traffic between versions of a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from grps.config.parts.traffic import RolloutConfig, ShadowConfig, TrafficConfig
from grps.config.schema import ModelConfig
from grps.config.suggest import hint
from grps.errors import ConfigError

Fail = Callable[[str, str], ConfigError]
"""Makes the error for a key path and a message."""
MAX_VERSIONS = 16
"""Most versions that share the requests for a name."""
MAX_WEIGHT = 1_000_000
WEIGHT = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,6})?)%?")


def check_traffic(
    traffic: Sequence[TrafficConfig], models: Sequence[ModelConfig], fail: Fail
) -> None:
    """Check the traffic of a configuration.

    Raises:
        ConfigError: The first rule that is broken.
    """
    seen: dict[str, int] = {}
    for index, entry in enumerate(traffic):
        at = f"traffic[{index}]"
        earlier = seen.setdefault(entry.model, index)
        if earlier != index:
            text = f"the traffic of {entry.model!r} is already traffic[{earlier}]"
            raise fail(f"{at}.model", text)
        versions = [model.version for model in models if model.name == entry.model]
        if not versions:
            names = list(dict.fromkeys(model.name for model in models))
            text = f"model {entry.model!r} is not declared in 'models'{hint(entry.model, names)}"
            raise fail(f"{at}.model", f"{text}; declared: {', '.join(names)}")
        _check_weights(entry, f"{at}.weights", versions, fail)
        if entry.shadow is not None:
            _check_shadow(entry.shadow, entry, f"{at}.shadow", versions, fail)
        if entry.rollout is not None:
            _check_rollout(entry.rollout, entry, f"{at}.rollout", versions, fail)


def weights_of(entry: TrafficConfig) -> list[tuple[str, float]]:
    """Return versions and their weights; those of a configuration that was checked."""
    return [(version, weight_of(text) or 0.0) for version, text in entry.weights.items()]


def weight_of(text: str) -> float | None:
    """Return the weight that a text such as ``90`` or ``90%`` stands for; ``None`` for none."""
    found = WEIGHT.fullmatch(text)
    weight = float(found[1]) if found else None
    return weight if weight is not None and weight <= MAX_WEIGHT else None


def _check_weights(entry: TrafficConfig, at: str, versions: Sequence[str], fail: Fail) -> None:
    weights: Mapping[str, str] = entry.weights
    if not weights:
        raise fail(at, "at least one version needs a weight")
    if len(weights) > MAX_VERSIONS:
        raise fail(at, f"{len(weights)} versions are too many, {MAX_VERSIONS} are allowed")
    for version, text in weights.items():
        _check_version(version, entry, f"{at}.{version}", versions, fail)
        if weight_of(text) is None:
            fault = f"{text!r} is no weight; write a number from 0 to {MAX_WEIGHT}, such as 90"
            raise fail(f"{at}.{version}", fault)
    if not any(weight_of(text) for text in weights.values()):
        raise fail(at, "all weights are 0: no version would get a request")


def _check_version(
    version: str, entry: TrafficConfig, at: str, versions: Sequence[str], fail: Fail
) -> None:
    if version not in versions:
        text = f"model {entry.model!r} has no version {version!r}{hint(version, versions)}"
        raise fail(at, f"{text}; declared: {', '.join(versions)}")


def _check_shadow(
    shadow: ShadowConfig, entry: TrafficConfig, at: str, versions: Sequence[str], fail: Fail
) -> None:
    _check_version(shadow.version, entry, f"{at}.version", versions, fail)
    if not _has_others(shadow.version, entry):
        text = f"version {shadow.version!r} has all the weight: no request would be copied"
        raise fail(f"{at}.version", text)


def _check_rollout(
    rollout: RolloutConfig, entry: TrafficConfig, at: str, versions: Sequence[str], fail: Fail
) -> None:
    shadow = entry.shadow.version if entry.shadow is not None else None
    candidate = rollout.version or shadow or list(entry.weights)[-1]
    _check_version(candidate, entry, f"{at}.version", versions, fail)
    if not _has_others(candidate, entry):
        text = f"version {candidate!r} has all the weight: give another version some to start from"
        raise fail(at, text)
    for index, step in enumerate(rollout.steps_percent[1:], 1):
        if step <= rollout.steps_percent[index - 1]:
            raise fail(f"{at}.steps_percent[{index}]", "must be more than the step before it")


def _has_others(version: str, entry: TrafficConfig) -> bool:
    """Whether another version has a weight."""
    return any(weight_of(text) for one, text in entry.weights.items() if one != version)
