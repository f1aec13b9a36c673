"""A metric of a project needs no file of GRPS: its code records by the public API."""

from __future__ import annotations

from pathlib import Path

import requests

from tests.additions.package import PACKAGES
from tests.support import serving, user_model, wait_until, write_user_project

CODE = """
from grps import GrpsMessage, ModelInferer, app_monitor, inferer_register


class Counted(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context):
        app_monitor.inc("words", len(inp.str_data.split()))
        app_monitor.cdf("letters", len(inp.str_data))
        return GrpsMessage(str_data="ok")


inferer_register.register("counted", Counted())
"""


def test_it_is_exported(tmp_path: Path) -> None:
    project = write_user_project(tmp_path / "project", [user_model("counted")], code=CODE)
    assert not [name for name in PACKAGES if (project / name).exists()]
    with serving(project) as server:
        for text in ("one", "two words", "and three words"):
            assert server.post({"str_data": text}).status_code == 200

        def is_exported() -> bool:
            page = requests.get(server.url("/metrics"), timeout=30).text
            total = 'grps_user_increments_total{name="words"} 6\n'
            count = 'grps_user_distribution_count{name="letters"} 3\n'
            return total in page and count in page

        wait_until(is_exported, "the sum and the number of values")
