"""``traffic`` of ``inference.yml``."""

from __future__ import annotations

from typing import Annotated

import msgspec

from grps.config.parts.section import Name, Positive, Section

Percent = Annotated[float, msgspec.Meta(ge=0.01, le=100)]


class ShadowConfig(Section, frozen=True, kw_only=True):
    """A version that gets copies of requests; its output is compared and dropped."""

    version: Name
    share_percent: Percent = 100
    """Share of the requests that are copied."""
    max_in_flight: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 4
    """Most copies at once; further ones are not made."""
    max_bytes: Positive = 64 * 1024 * 1024
    """Most bytes of the inputs and outputs of copies; further ones are not made."""
    timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=600_000)] = 10_000
    """Longest time of a copy; then it has failed."""
    absolute_tolerance: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 1e-5
    """Numbers may differ by this, and by ``relative_tolerance``."""
    relative_tolerance: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 1e-3
    """A part of the expected number by which numbers may differ."""


class RolloutConfig(Section, frozen=True, kw_only=True):
    """How a candidate gets more requests, and when it loses them."""

    version: Name | None = None
    """The candidate; the version of the shadow, or the last one of the weights, when absent."""
    steps_percent: tuple[Percent, ...] = ()
    """Shares of the candidate, ascending; it stays where it is without any."""
    step_seconds: Annotated[int, msgspec.Meta(ge=1, le=2_592_000)] = 60
    """Time at each share before the next."""
    min_requests: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)] = 50
    """Requests and copies that the candidate must have had before a step or a rule applies."""
    max_error_percent: Annotated[float, msgspec.Meta(ge=0, le=100)] = 1
    """It is rolled back when the share of its requests that fail is larger than that of the other
    versions by more than this."""
    max_latency_factor: Annotated[float, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    """It is rolled back when its p99 is longer than that of the other versions by this factor; its
    latency is not looked at when absent."""
    max_difference_percent: Annotated[float, msgspec.Meta(ge=0, le=100)] = 1
    """It is rolled back when more of the copies fail or have another output."""


class TrafficConfig(Section, frozen=True, kw_only=True):
    """One entry of ``traffic``: how requests for a model without a version are divided."""

    model: Name
    """The name of the model, without a version."""
    weights: dict[str, str]
    """Versions and their weights, such as ``{1.0.0: 90, 2.0.0: 10}``."""
    sticky_header: Name | None = None
    """Requests with the same value of this header, or gRPC metadata, get the same version."""
    shadow: ShadowConfig | None = None
    rollout: RolloutConfig | None = None
