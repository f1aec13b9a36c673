"""Commands of operators about the models of a running service."""

from __future__ import annotations

import threading
from queue import Queue

import msgspec

from grps.errors import InputError
from grps.inference.runner import describe
from grps.log import logger
from grps.server.models.lifecycle import ServedModels, UnknownModelError, answer
from grps.server.native import Command, Server

AT_ONCE = ("list", "set_log_level")
"""What is done beside the changes: it takes no time and hinders none of them."""
WAITING = 16
"""Changes that may wait; what comes then waits outside, where more than as many are refused."""


def take_commands(server: Server, models: ServedModels) -> None:
    """Take commands until the service ends.

    Queries run at once. Changes are made one after another, all by one thread: the C
    library keeps memory by thread, and so one model's becomes the next one's.
    """
    changes: Queue[Command | None] = Queue(WAITING)

    def take() -> None:
        while (command := server.next_command()) is not None:
            if command.action in AT_ONCE:
                _run(command, models)
            else:
                changes.put(command)
        changes.put(None)

    def change() -> None:
        while (command := changes.get()) is not None:
            _run(command, models)

    threading.Thread(target=take, name="commands", daemon=True).start()
    threading.Thread(target=change, name="changes", daemon=True).start()


def _run(command: Command, models: ServedModels) -> None:
    try:
        outcome = answer(models, command.action, command.model)
        command.answer(msgspec.json.encode(outcome).decode())
    except UnknownModelError as error:
        command.refuse(describe(error), "unknown")
    except InputError as error:
        command.refuse(describe(error), "invalid")
    except BaseException as error:
        # User code that is loaded may raise anything.
        logger.exception("%s of model %s failed", command.action, command.model)
        command.refuse(describe(error), "failed")
