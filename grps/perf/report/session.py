"""All that one call of ``grpst perf`` has measured."""

from __future__ import annotations

from dataclasses import dataclass

from grps.perf.measurement import Measurement
from grps.perf.slo import Objective


@dataclass(frozen=True, slots=True)
class Session:
    """Measurements of the same requests under several loads.

    Attributes:
        address: The server.
        protocol: The protocol.
        about: What was sent.
        started_at: When it began, in ISO 8601.
        machine: The machine of the load generator.
        measurements: One for each load.
        objectives: What they are to meet.
    """

    address: str
    protocol: str
    about: str
    started_at: str
    machine: str
    measurements: tuple[Measurement, ...]
    objectives: tuple[Objective, ...] = ()

    @property
    def streaming(self) -> bool:
        """Whether responses were streams."""
        return any(found.streaming for found in self.measurements)

    def meets(self, found: Measurement) -> bool:
        """Whether a measurement meets all objectives."""
        return all(objective.is_met(found) for objective in self.objectives)

    @property
    def best(self) -> Measurement | None:
        """The measurement with the most successes per second that meets the objectives."""
        good = [found for found in self.measurements if self.meets(found)]
        return max(good, key=lambda found: found.throughput, default=None)
