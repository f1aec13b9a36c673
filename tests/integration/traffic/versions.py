"""Services with several versions of one model."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.support import GUARD_S, RunningServer, user_model, write_project, write_user_project

TRAFFIC = "/grps/v1/admin/traffic"
ENDED = re.compile(r'^grps_requests_total\{model="(m-[^"]*)".*\} ([0-9]+)$', re.MULTILINE)
CODE = """
import os
import time

from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Versioned(ModelInferer):
    \"\"\"Answers its input, its version, or as its arguments say.\"\"\"

    def init(self, path, device=None, args=None):
        self.does = (args or {}).get("does", "echo")

    def load(self):
        while self.does == "load late" and not os.path.exists("release"):
            time.sleep(0.01)
        return True

    def infer(self, inp, context):
        if self.does == "slow":
            time.sleep(0.05)
        if self.does == "hang":
            time.sleep(1000)
        if self.does == "crash":
            os._exit(7)
        if self.does == "fail":
            raise ValueError("this version is broken")
        text = inp.str_data + "!" if self.does == "differ" else inp.str_data
        return GrpsMessage(str_data=text)


inferer_register.register("versioned", Versioned())
"""


def versioned(version: str, does: str = "echo", **keys: Any) -> dict[str, Any]:
    """The configuration of a version whose code does what ``does`` says."""
    arguments = {"inferer_name": "versioned", "inferer_args": {"does": does}}
    return {**user_model("m", **arguments), "version": version, **keys}


def write(folder: Path, models: list[dict[str, Any]], **traffic: Any) -> Path:
    """Write a project with versions of user code and their traffic."""
    write_user_project(folder, models, code=CODE)
    return with_traffic(folder, **traffic)


def write_identities(folder: Path, versions: list[str], **traffic: Any) -> Path:
    """Write a project with versions that return what they get; it needs no Python."""
    models = [{"name": "m", "version": one, "inferer_type": "identity"} for one in versions]
    write_project(folder, models)
    return with_traffic(folder, **traffic)


def with_traffic(folder: Path, **traffic: Any) -> Path:
    path = folder / "conf" / "inference.yml"
    config = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**config, "traffic": [{"model": "m", **traffic}]}))
    return folder


def states(server: RunningServer) -> list[dict[str, Any]]:
    """What the service says of its traffic."""
    return list(requests.get(server.url(TRAFFIC), timeout=GUARD_S).json()["traffic"])


def state(server: RunningServer) -> dict[str, Any]:
    """The same of its only name."""
    [only] = states(server)
    return only


def change(server: RunningServer, action: str, weights: Any = None) -> requests.Response:
    """Change the traffic as an operator."""
    body = None if weights is None else {"weights": weights}
    return requests.post(server.url(f"{TRAFFIC}/m/{action}"), json=body, timeout=GUARD_S)


def served(server: RunningServer) -> dict[str, int]:
    """Requests by the version that replied."""
    text = requests.get(server.url("/metrics"), timeout=GUARD_S).text
    found: Counter[str] = Counter()
    for model, count in ENDED.findall(text):
        found[model] += int(count)
    return {model: count for model, count in found.items() if count}
