"""Whether the machine is quiet enough for what is measured to mean something."""

from __future__ import annotations

from grps.tune.errors import BusyMachineError
from grps.tune.load_of_others import Use, Watch, calibrate, describe

_OTHERS = 0.1
"""Share of the processors that others may use."""
_SPREAD = 1.15
"""Ratio of the fixed piece of work before and after from which on the speed has changed."""
_LOOK_S = 0.8


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

    def end(self) -> tuple[Use, float, str | None]:
        """Return what others used, the work after, and why nothing can be concluded, if so."""
        use, after_ms = self._watch.used(), calibrate(_LOOK_S)
        slow, fast = max(self.before_ms, after_ms), min(self.before_ms, after_ms)
        trouble = None
        if self._is_busy(use):
            trouble = f"the machine was busy: {describe(use)}"
        elif slow > fast * _SPREAD:
            trouble = (
                f"the machine has changed its speed: the same work took {self.before_ms:.1f} ms "
                f"before and {after_ms:.1f} ms after"
            )
        return use, after_ms, trouble

    def _is_busy(self, use: Use) -> bool:
        return use.others > self.most_others
