"""Whether the machine is quiet enough for what is measured to mean something."""

from __future__ import annotations

from dataclasses import dataclass

from grps.tune.errors import BusyMachineError
from grps.tune.load_of_others import Use, Watch, calibrate, describe

_OTHERS = 0.1
"""Share of the processors that others may use."""
_SPREAD = 1.15
"""Ratio of the fixed piece of work before and after from which on the speed has changed."""
_LOOK_S = 0.8


@dataclass(frozen=True, slots=True)
class Ending:
    """The machine at the end of a search.

    Attributes:
        others: What others have used.
        work_ms: The fixed piece of work.
        busy: Why the machine was not quiet; ``None`` if it was.
        changed: How its speed has changed; ``None`` if it has not.
    """

    others: Use
    work_ms: float
    busy: str | None
    changed: str | None

    def doubts(self, *, force: bool, is_unanimous: bool) -> tuple[str | None, str | None]:
        """Return why there can be no verdict, and what has to be noted of one; or ``None``.

        Args:
            force: Whether there is a verdict all the same.
            is_unanimous: Whether all trials that compared settings by turns agree. What changes
                slowly changes both sides of such a trial alike.
        """
        trouble = self.busy or self.changed
        if trouble is None:
            return None, None
        if force:
            return None, f"{trouble}; the verdict is given by force"
        if self.busy is None and is_unanimous:
            return None, f"{trouble}; the comparisons by turns all agree, but the rates may differ"
        return trouble, None


class QuietCheck:
    """Compares the machine before and after a search."""

    def __init__(self, cpus: int) -> None:
        """Look at the machine for about a second.

        Args:
            cpus: Processors that may be used.
        """
        self.most_others = _OTHERS * cpus
        look = Watch()
        self.before_ms = calibrate(_LOOK_S)
        self._first = look.used()
        self._watch = Watch()

    def refuse_if_busy(self) -> None:
        """Refuse to begin.

        Raises:
            BusyMachineError: Others use the machine.
        """
        if self._is_busy(self._first):
            raise BusyMachineError(
                f"the machine is busy: {describe(self._first)}. What is measured now says little "
                "about the model; wait until it is quiet, or use --force"
            )

    def end(self) -> Ending:
        """Look at the machine again."""
        use, after_ms = self._watch.used(), calibrate(_LOOK_S)
        slow, fast = max(self.before_ms, after_ms), min(self.before_ms, after_ms)
        busy = f"the machine was busy: {describe(use)}" if self._is_busy(use) else None
        changed = (
            f"the machine has changed its speed: the same work took {self.before_ms:.1f} ms before "
            f"and {after_ms:.1f} ms after"
        )
        return Ending(use, after_ms, busy, changed if slow > fast * _SPREAD else None)

    def _is_busy(self, use: Use) -> bool:
        return use.others > self.most_others
