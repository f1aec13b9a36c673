"""The user's step model: sequences of steps that join and leave a batch between two steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from grps.inference.channel import Entry
from grps.inference.steps.transcriber import Transcriber


@dataclass(frozen=True, slots=True)
class StepRequest:
    """The request of a sequence that begins.

    Attributes:
        inputs: Its tensors by name; ``input`` is one without a name.
        id: Identifier of the request.
        outputs: Outputs of its earlier steps, joined along the first dimension: the sequence lost
            its state (``preemption: recompute``) and goes on behind them. Empty for a sequence
            that is new.
        entry: The server's connection to the client.
    """

    inputs: Mapping[str, np.ndarray]
    id: str
    outputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    entry: Entry | None = None

    def is_cancelled(self) -> bool:
        """Return whether the client has left or the deadline has passed."""
        return self.entry is not None and self.entry.is_cancelled()


class StepBatch:
    """The sequences of one step. ``batch[slot]`` are their rows of a slot array.

    ``batch[slot]`` is a view of shape ``[sequences, ...]``: write into it, or set it, to change the
    rows. ``len(batch)`` is the number of sequences.

    Attributes:
        states: What ``begin`` returned for each sequence, besides the rows of the slots.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], states: Sequence[Any]) -> None:
        """Make a batch; the server does, and tests of a model.

        Args:
            arrays: The rows of each slot, one per state.
            states: What ``begin`` returned for each sequence, besides the rows of the slots.
        """
        self._arrays = arrays
        self.states = states

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
    """What one step returns; row ``i`` of everything is that of sequence ``i`` of the batch.

    Attributes:
        outputs: One array, called ``output``, or arrays by name; each ``[sequences, ...]``.
        finished: Which sequences have ended with this step: one bool for each, or empty for none.
        failed: Sequences that failed, by their number in the batch; the others go on.
        state_bytes: Bytes of each sequence's state where it grows; empty for no change.
        lengths: So many rows of the outputs belong to each sequence, 0 or more; empty for one each.
            It is for a step that may make several tokens of a sequence, or none.
        cache_usage: Share of the model's cache that is in use after the step, 0 to 1, for the
            metrics; ``None`` if the model has none.
    """

    outputs: np.ndarray | Mapping[str, np.ndarray]
    finished: Any = ()
    failed: Mapping[int, BaseException] = field(default_factory=dict)
    state_bytes: Sequence[int] = ()
    lengths: Sequence[int] = ()
    cache_usage: float | None = None


@dataclass(frozen=True, slots=True)
class PrefillPart:
    """A part of the prefill of one sequence.

    Attributes:
        state: What ``begin`` returned for it, besides the rows of the slots.
        rows: Its row of each slot array; write into it to change it.
        start: The first position.
        stop: The position behind the last.
    """

    state: Any
    rows: Mapping[str, np.ndarray]
    start: int
    stop: int


class StepModel(ABC):
    """A model that makes an output at each step: a decoder, an RNN, a diffusion model.

    Derive from it, implement ``load``, ``begin`` and ``step``, register an object of the class with
    ``inferer_register``, and set ``batching.type: continuous``. The server calls all methods of one
    object on one thread.

    Attributes:
        slots: Arrays with one row per sequence, such as
            ``{"hidden": "float32[256]", "token": "int64"}``. The server makes them, and moves
            their rows when sequences end.
        repeatable: Whether a ``step`` that raises has changed neither slots nor states. Then each
            sequence of the batch is stepped by itself, and only those that raise again fail.
        transcriber: Says that the model writes down what is said; ``None`` for another model.
    """

    slots: ClassVar[Mapping[str, str]] = {}
    repeatable: ClassVar[bool] = False
    transcriber: ClassVar[Transcriber | None] = None

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
        """Prefill parts of sequences, with ``batching.steps.max_chunk``.

        Args:
            parts: The parts, one for each sequence that is prefilled.

        Raises:
            Exception: It fails the sequences of all parts.
        """
        raise NotImplementedError("prefill is not implemented by this model")

    @abstractmethod
    def step(self, batch: StepBatch) -> StepResult | tuple[Any, Any] | np.ndarray:
        """Make one step of all sequences of a batch.

        Args:
            batch: The sequences.

        Returns:
            The result; as a short form a pair of outputs and finished, or outputs alone.

        Raises:
            Exception: It fails all sequences of the batch, unless the model is ``repeatable``.
        """

    def end(self, states: Sequence[Any]) -> None:  # noqa: B027 - most models hold nothing
        """Release the states of sequences that ended, whatever the reason; each comes once.

        Args:
            states: What ``begin`` returned for them, besides the rows of the slots.
        """
