"""The table of verbs. To add a verb, add its file to ``verbs/`` and its line here.

The verbs that serve models with one engine are not here: they come from the table of engines.
"""

from __future__ import annotations

VERBS = {
    "example": "Write a small service that runs as it is, to begin with.",
    "create": "Make the folder of a new project.",
    "dev": "Serve a project or a Python file in this terminal; restart when a file changes.",
    "archive": "Test a project and pack it into one file.",
    "dockerize": "Write what docker or podman builds an image of a project or a model of.",
    "sdk": "Print the folder of the headers for C++ and of their package for CMake.",
    "start": "Put a project online, from its archive or its folder.",
    "serve": "Put a model file online, whatever its format, or a Python file.",
    "serve_repository": "Put the models of a repository in Triton's layout online.",
    "inspect": "Show the inputs and outputs of a model file, and how to send it a request.",
    "doctor": "Check what this machine has: processors, GPUs, engines, limits.",
    "ps": "List the services on this machine.",
    "cluster": "Run services as replicas on several hosts, with Ray or on this machine.",
    "call": "Call a model of a running service, and print what it returns.",
    "perf": "Measure latency and throughput of a running service under load.",
    "capture": "Record requests of a running service, to send them again.",
    "replay": "Send recorded requests again, and compare the replies.",
    "profile": "Show where a model spends its time: operators or Python code, curves, memory.",
    "tune": "Find the settings with which a model serves best while a latency holds.",
    "model": "Load, unload, reload and list the models of a running service.",
    "traffic": "Divide requests among versions of a model: weights, promotion, rollback.",
    "cache": "List and remove models that were fetched from URIs.",
    "key": "Make an API key for clients of a service.",
    "top": "Watch rates, latencies and queues of the running services.",
    "logs": "Show and follow the log of a service, filter it, change its level.",
    "stop": "Stop a service.",
    "restart": "Start a service again, with its configuration as it is now.",
    "rm": "Remove stopped services: their folders with configuration and logs.",
    "version": "Show the versions of GRPS and of the engines it finds, and how GRPS was built.",
    "completion": "Print a shell completion script.",
}
"""Verb and its one-line help; the module of the same name in ``verbs/``, or in ``lifecycle/``,
``measuring/`` or ``projects/`` there, has its ``command``."""

ENGINE_VERBS_FOLLOW = "serve"
"""The verb after which the list shows those of the engines."""
