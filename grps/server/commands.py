"""Doing what operators ask of the models of a running service."""

from __future__ import annotations

import threading

import msgspec

from grps.errors import InputError
from grps.inference.runner import describe
from grps.log import logger
from grps.server.lifecycle import ServedModels, UnknownModelError, answer
from grps.server.native import Command, Server


def take_commands(server: Server, models: ServedModels) -> None:
    """Take commands in a thread, and run each in one of its own, until the service ends."""
    threading.Thread(target=_take, args=(server, models), name="commands", daemon=True).start()


def _take(server: Server, models: ServedModels) -> None:
    while (command := server.next_command()) is not None:
        threading.Thread(target=_run, args=(command, models), name="command", daemon=True).start()


def _run(command: Command, models: ServedModels) -> None:
    try:
        outcome = answer(models, command.action, command.model)
        command.answer(msgspec.json.encode(outcome).decode())
    except UnknownModelError as error:
        command.refuse(str(error), "unknown")
    except InputError as error:
        command.refuse(str(error), "invalid")
    except BaseException as error:
        # User code that is loaded may raise anything.
        logger.exception("%s of model %s failed", command.action, command.model)
        command.refuse(describe(error), "failed")
