"""The user's step model: sequences of steps that join and leave a batch between two steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from grps.inference.channel import Entry


@dataclass(frozen=True, slots=True)
class StepRequest:
    """The request of a sequence that begins."""

    inputs: Mapping[str, np.ndarray]
    """Its tensors by name; ``input`` is one without a name."""
    id: str
    """Identifier of the request."""
    outputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Outputs of its earlier steps, joined along the first dimension: the sequence lost its state
    (``preemption: recompute``) and goes on behind them. Empty for a sequence that is new."""
    entry: Entry | None = None
    """The way to the client, of the server's."""

    def is_cancelled(self) -> bool:
        """Return whether the client has left or the deadline has passed."""
        return self.entry is not None and self.entry.is_cancelled()


class StepBatch:
    """The sequences of one step. Their rows of the slot arrays come first, without a gap."""

    def __init__(self, arrays: Mapping[str, np.ndarray], states: Sequence[Any]) -> None:
        """Make a batch of the rows of ``arrays``, one per state."""
        self._arrays = arrays
        self.states = states
        """What ``begin`` returned for each sequence, besides the rows of the slots."""

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.states)

    def __getitem__(self, slot: str) -> np.ndarray:
        """Return the rows of a slot array, ``[sequences, ...]``; write into it to change them."""
        return self._arrays[slot]

    def __setitem__(self, slot: str, rows: Any) -> None:
        """Set the rows of a slot array."""
        self._arrays[slot][...] = rows


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step returns; row ``i`` of everything is that of sequence ``i`` of the batch."""

    outputs: np.ndarray | Mapping[str, np.ndarray]
    """One array, called ``output``, or arrays by name; each ``[sequences, ...]``."""
    finished: Any = ()
    """Which sequences have ended with this step: one bool for each, or empty for none."""
    failed: Mapping[int, BaseException] = field(default_factory=dict)
    """Sequences that failed, by their number in the batch; the others go on."""
    state_bytes: Sequence[int] = ()
    """Bytes of each sequence's state where it grows; empty for no change."""


@dataclass(frozen=True, slots=True)
class PrefillPart:
    """A part of the prefill of one sequence."""

    state: Any
    """What ``begin`` returned for it, besides the rows of the slots."""
    rows: Mapping[str, np.ndarray]
    """Its row of each slot array; write into it to change it."""
    start: int
    """The first position."""
    stop: int
    """The position behind the last."""


class StepModel(ABC):
    """A model that makes an output at each step: a decoder, an RNN, a diffusion model.

    Derive from it, implement ``load``, ``begin`` and ``step``, register an object of the class with
    ``inferer_register``, and set ``batching.type: continuous``. The server calls all methods of one
    object on one thread.
    """

    slots: ClassVar[Mapping[str, str]] = {}
    """Arrays with one row per sequence, such as ``{"hidden": "float32[256]", "token": "int64"}``.
    The server makes them, and moves their rows when sequences end."""

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Prepare the model.

        Args:
            path: ``inferer_path`` of the model.
            device: ``device`` of the model.
            args: ``inferer_args`` of the model.
        """
        self.path, self.device, self.args = path, device, args

    @abstractmethod
    def load(self) -> bool | None:
        """Load the model. Returning ``False`` or raising keeps the service from starting."""

    @abstractmethod
    def begin(self, requests: Sequence[StepRequest]) -> Sequence[Any]:
        """Begin sequences; the prefill, unless ``prefill`` does it in parts.

        Args:
            requests: Their requests, at least one.

        Returns:
            The state of each: a mapping, whose keys in ``slots`` are its rows of the slot arrays
            and whose other keys are in ``StepBatch.states``; or any object, or ``None``.

        Raises:
            InputError: The request is refused. Several requests are tried again one by one.
        """

    def prefill(self, parts: Sequence[PrefillPart]) -> None:
        """Prefill parts of sequences, with ``batching.max_chunk``."""
        raise NotImplementedError("prefill is not implemented by this model")

    @abstractmethod
    def step(self, batch: StepBatch) -> StepResult | tuple[Any, Any] | np.ndarray:
        """Make one step of all sequences of a batch.

        Args:
            batch: The sequences.

        Returns:
            The result; as a short form a pair of outputs and finished, or outputs alone.

        Raises:
            Exception: It fails all sequences of the batch.
        """

    def end(self, states: Sequence[Any]) -> None:  # noqa: B027 - most models hold nothing
        """Release the states of sequences that ended, whatever the reason; each comes once.

        Args:
            states: What ``begin`` returned for them, besides the rows of the slots.
        """
