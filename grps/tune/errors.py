"""What a search for settings raises."""

from __future__ import annotations

from grps.errors import GrpsError


class TuneError(GrpsError):
    """A model can't be tuned; the text says why and what to do."""

    docs = "guides/tune-a-model.md"


class BusyMachineError(TuneError):
    """Other processes use the machine: what is measured on it says nothing about the model."""
