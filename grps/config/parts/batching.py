"""How requests of a model run together."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from grps.config.parts.section import NotNegative, Positive, Section

SLO_PATTERN = (
    r"^p(50|90|95|99|99\.9)="
    r"([1-9][0-9]{0,5}(\.[0-9]{1,3})?(us|ms|s)|0\.[0-9]{0,2}[1-9](ms|s))\Z"
)


class PaddingConfig(Section, frozen=True, kw_only=True):
    """How inputs of differing sizes are brought together so that they can share a batch."""

    sizes: tuple[Positive, ...]
    """Sizes that an axis is padded to: the next one up; larger inputs stay as they are."""
    axes: tuple[Positive, ...] = ()
    """Axes that may be padded, 1 and more; all but the first when absent."""
    max_waste_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 50
    """Largest share of an input that may be padding; a request beyond it stays as it is."""
    cut_outputs: bool = True
    """Cut outputs that are as large as the padding on the same axis back to the input's size."""


class StepTextConfig(Section, frozen=True, kw_only=True):
    """How the text of sequences is made of the tokens of a step model."""

    tokenizer: str
    """The ``tokenizer.json``, relative to the project's folder."""
    token_output: str = "token"
    """The output of a step that has the number of a token in each row."""
    stop: tuple[str, ...] = ()
    """Strings that end a sequence when its text has them, besides those of its request."""
    skip_special_tokens: bool = True
    """Leave special tokens, such as ``</s>``, out of the text."""


class StepsConfig(Section, frozen=True, kw_only=True):
    """How the sequences of a step model are scheduled."""

    max_step_cost: Positive | None = None
    """Most cost of one step: one for each sequence that is stepped, and the prefilled positions. No
    limit when absent."""
    max_chunk: Positive | None = None
    """Most positions of one prefill in one step; the model's ``prefill`` does the parts. A prefill
    is whole when absent."""
    prefill_input: str | None = None
    """The input whose last dimension is the number of positions to prefill; one when absent."""
    max_state_bytes: Positive | None = None
    """Most bytes of the states of an instance; sequences give their slots away beyond it."""
    max_waiting_bytes: Positive | None = None
    """Most bytes of the inputs that wait for a slot; more get status 429. No limit of the model's
    own when absent."""
    max_steps: Positive = 4096
    """Steps after which a sequence ends in any case."""
    preemption: Literal["save", "recompute", "never"] = "save"
    """What becomes of a sequence when a more urgent one needs its slot: its state is kept beside
    the slots, or it begins again with its outputs, or nothing takes its slot."""
    text: StepTextConfig | None = None
    """How the text of sequences is made; clients get the outputs alone when absent."""

    @property
    def prefills_in_parts(self) -> bool:
        """Whether the model's ``prefill`` reads the inputs, in parts."""
        return self.max_chunk is not None


class BatchingConfig(Section, frozen=True, kw_only=True):
    """How requests of one model are gathered into batches."""

    short: ClassVar[str | None] = "type"

    type: Literal["none", "dynamic", "auto", "continuous"] = "none"
    """``auto`` chooses the sizes of batches while the model runs. ``continuous`` is for step
    models, whose sequences join and leave between steps."""
    max_batch_size: Positive = 16
    """Most rows of a batch; the slots of an instance with ``continuous``."""
    batch_timeout_us: NotNegative = 1000
    """Longest time a request waits for its batch to fill; with ``wait: always`` only."""
    wait: Literal["when_busy", "always"] = "when_busy"
    """``always`` lets an idle instance wait for a full batch too, as upstream does."""
    preferred_sizes: tuple[Positive, ...] = ()
    """Sizes that a batch is cut to when it can't be full."""
    allowed_sizes: tuple[Positive, ...] = ()
    """Sizes that the model takes; batches are filled up to the next one. Any when empty."""
    padding: PaddingConfig | None = None
    slo: Annotated[str, msgspec.Meta(pattern=SLO_PATTERN)] | None = None
    """The latency in the model, from the queue to the output, that ``auto`` keeps for a share of
    the requests, such as ``p99=20ms``."""
    steps: StepsConfig | None = None
    """How sequences are scheduled, with ``continuous``."""
