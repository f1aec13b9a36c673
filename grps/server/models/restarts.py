"""Threads of instances that start again when user code ends them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from grps.inference.runner import describe
from grps.log import logger
from grps.server.models.backoff import Backoff


def run_again(
    name: str,
    run: Callable[[], None],
    died: Callable[[str], None],
    attach_again: Callable[[], bool],
    stopping: threading.Event,
) -> None:
    """Run until ``run`` returns; when it raises, begin again after a while.

    Args:
        name: The instance in the log.
        run: Serves requests until the service or the instance stops.
        died: Receives why it raised, as one line.
        attach_again: Attaches the instance to its queue again; False when it stops instead.
        stopping: Ends the wait before the next start.
    """
    backoff = Backoff()
    while True:
        try:
            run()
            return
        except BaseException as error:
            # User code may raise SystemExit, which would end the thread without a word.
            reason = describe(error)
            delay_s = backoff.delay_s()
            logger.exception("%s has died; it starts again in %.1f s", name, delay_s)
        died(reason)
        if stopping.wait(delay_s):
            return
        backoff.begin()
        if not attach_again():
            return
        logger.info("%s runs again", name)
