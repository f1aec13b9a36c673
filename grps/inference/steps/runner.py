"""The loop of an instance of a step model: plan, begin, step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from grps.errors import ModelError, StopRequested
from grps.inference.channel import Entry, NamedArray
from grps.inference.runner import describe, refusal
from grps.inference.steps.model import StepModel, StepRequest
from grps.inference.steps.results import Stepped, joined, stepped, stepped_alone
from grps.inference.steps.slots import Plan as SlotsPlan
from grps.inference.steps.slots import Slots
from grps.inference.user_tensors import name_inputs
from grps.log import logger

FailedRow = tuple[int, str, int | None]
"""Its row, the text for the client, and the status if the request is refused."""


class Begun(Protocol):
    """A sequence that begins."""

    @property
    def entry(self) -> Entry:
        """Its request."""

    @property
    def outputs(self) -> Sequence[NamedArray]:
        """Outputs of the steps that it made before it lost its state."""

    def inputs(self) -> list[NamedArray]:
        """Return its tensors, whose arrays own their memory."""


class Plan(SlotsPlan, Protocol):
    """What an instance does in one step; see ``grps._core.StepPlan``."""

    @property
    def begun(self) -> Sequence[tuple[int, Begun]]:
        """Rows whose sequence begins."""

    @property
    def prefill(self) -> Sequence[tuple[int, int, int]]:
        """Rows that are prefilled, with their first position and the one behind the last."""

    @property
    def running(self) -> int:
        """So many rows are stepped, from the first on."""


class StepChannel(Protocol):
    """Where an instance gets its plans from."""

    def next(self) -> Plan | None:
        """Wait, without the GIL, for something to do; ``None`` once it stops."""

    def finish(
        self,
        outputs: Sequence[NamedArray],
        finished: Sequence[bool],
        failed: Sequence[FailedRow],
        state_bytes: Sequence[int],
        lengths: Sequence[int],
        cache_usage: float | None,
    ) -> None:
        """Take over what the rows of the last plan returned."""

    def fail_rows(self, failed: Sequence[FailedRow]) -> None:
        """Fail the requests of rows."""

    def detach(self, down: str | None = None) -> None:
        """Note that the instance has ended; ``down`` is the cause, if it should not have."""


class StepRunner:
    """Runs the plans of one instance on the user's model."""

    def __init__(self, model: StepModel, slots: int, *, in_parts: bool, name: str) -> None:
        """Run ``model``.

        Args:
            model: The user's object, which nothing else uses.
            slots: Most sequences at once.
            in_parts: Whether prefills are divided among steps.
            name: The instance in the log.
        """
        self._model = model
        self._slots = Slots(type(model).slots, slots)
        self._in_parts = in_parts
        self._name = name

    def run(self, channel: StepChannel) -> None:
        """Make steps until the service or the instance stops."""
        down: str | None = None
        try:
            while (plan := channel.next()) is not None:
                self._run(channel, plan)
        except BaseException as error:
            down = describe(error)
            raise
        finally:
            try:
                # A worker process may be stopped with sequences that have not ended.
                if released := self._slots.release():
                    self._end(released)
            finally:
                channel.detach(down)

    def _run(self, channel: StepChannel, plan: Plan) -> None:
        released = self._slots.apply(plan)
        if released:
            self._end(released)
        failed = self._begin(plan.begun) if plan.begun else []
        if plan.prefill and self._in_parts:
            failed += self._prefill(plan, {row for row, _, _ in failed})
        if failed:
            # Those that failed leave before the next plan, which steps the others.
            channel.fail_rows(failed)
        elif plan.running:
            self._step(channel, plan.running)

    def _begin(self, begun: Sequence[tuple[int, Begun]]) -> list[FailedRow]:
        requests, failed = [], []
        for row, one in begun:
            try:
                requests.append((row, _request(one)))
            except BaseException as error:
                failed.append(self._failed(row, error))
        return failed + (self._begin_all(requests) if requests else [])

    def _begin_all(self, requests: Sequence[tuple[int, StepRequest]]) -> list[FailedRow]:
        try:
            states = self._begun_states([request for _, request in requests])
        except BaseException as error:
            if len(requests) == 1:
                return [self._failed(requests[0][0], error)]
            # One bad request must not fail the others: each is tried again by itself.
            return [failed for one in requests for failed in self._begin_all([one])]
        failed = []
        for (row, _), state in zip(requests, states, strict=True):
            try:
                self._slots.begin(row, state)
            except BaseException as error:
                failed.append(self._failed(row, error))
        return failed

    def _begun_states(self, requests: Sequence[StepRequest]) -> list[Any]:
        returned = self._model.begin(requests)
        if returned is None:
            raise ModelError(f"begin returned nothing for {len(requests)} requests")
        states = list(returned)
        if len(states) != len(requests):
            self._end(states)
            raise ModelError(f"begin returned {len(states)} states for {len(requests)} requests")
        return states

    def _prefill(self, plan: Plan, without: set[int]) -> list[FailedRow]:
        rows = [one for one in plan.prefill if one[0] not in without]
        if not rows:
            return []
        try:
            self._model.prefill([self._slots.part(*one) for one in rows])
        except BaseException as error:
            return [self._failed(row, error) for row, _, _ in rows]
        return []

    def _step(self, channel: StepChannel, running: int) -> None:
        try:
            made = self._made(running)
            failed = [self._failed(row, error) for row, error in made.failed.items()]
            if len(failed) == running and not made.outputs:
                channel.fail_rows(failed)
            else:
                sizes, usage = made.state_bytes, made.cache_usage
                channel.finish(made.outputs, made.finished, failed, sizes, made.lengths, usage)
        except BaseException as error:
            first = self._failed(0, error)
            channel.fail_rows([(row, *first[1:]) for row in range(running)])

    def _made(self, running: int) -> Stepped:
        try:
            returned = self._model.step(self._slots.batch(running))
        except StopRequested:
            raise
        except BaseException as error:
            if running == 1 or not self._model.repeatable:
                raise
            logger.warning(
                "%s: a step of %d sequences raised: %s; each is stepped by itself",
                self._name,
                running,
                describe(error),
            )
            return joined([self._made_alone(row) for row in range(running)])
        return stepped(returned, running)

    def _made_alone(self, row: int) -> Stepped | BaseException:
        try:
            return stepped_alone(self._model.step(self._slots.batch(row + 1, start=row)))
        except StopRequested:
            raise
        except BaseException as error:
            return error

    def _end(self, released: list[Any]) -> None:
        try:
            self._model.end(released)
        except StopRequested:
            raise
        except BaseException:
            logger.exception("%s: end failed", self._name)

    def _failed(self, row: int, error: BaseException) -> FailedRow:
        """Return what the client gets of an exception; its traceback goes to the log.

        Raises:
            StopRequested: It is the exception.
        """
        if isinstance(error, StopRequested):
            raise error
        refused = refusal(error)
        if refused is not None:
            return (row, *refused)
        logger.error("%s failed", self._name, exc_info=error)
        return (row, describe(error), None)


def _request(begun: Begun) -> StepRequest:
    entry = begun.entry
    return StepRequest(name_inputs(begun.inputs()), entry.id, dict(begun.outputs), entry)
