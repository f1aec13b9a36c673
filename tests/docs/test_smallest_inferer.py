"""The smallest inferer of the guide, pasted into a created project, works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml

from tests.docs.pages import DOCS, Block, blocks, name_of
from tests.support import GUARD_S, REPOSITORY, serving

PAGES = [DOCS / "guides" / name for name in ("projects.md", "projects.zh.md")]
GRPST = Path(sys.executable).parent / "grpst"


def block_with(page: Path, text: str) -> Block:
    """The only block of a page that contains a text."""
    (found,) = [block for block in blocks(page) if text in block.text]
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_smallest_inferer_runs_in_a_created_project(page: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "GRPS_HOME": str(tmp_path / "home")}

    def grpst(*arguments: str) -> None:
        subprocess.run(
            [GRPST, *arguments], check=True, cwd=tmp_path, env=environment, capture_output=True
        )

    grpst("create", "my_project")
    project = tmp_path / "my_project"
    inferer = block_with(page, "class Double(ModelInferer)").text
    (project / "src" / "customized_inferer.py").write_text(inferer)
    configuration = block_with(page, "inferer_name: double").text
    (project / "conf" / "inference.yml").write_text(configuration)
    # Packing runs the project's own test.
    grpst("archive", "my_project")
    settings = yaml.safe_load((project / "conf" / "server.yml").read_text())
    settings["interface"]["port"] = "0,0"
    (project / "conf" / "server.yml").write_text(yaml.safe_dump(settings))
    with serving(project) as server:
        answer = server.post({"ndarray": [[1, 2]]}, "?return-ndarray=true")
        assert answer.json()["ndarray"] == [[2.0, 4.0]]
        client = [sys.executable, "client/http_client.py", server.url("")]
        subprocess.run(client, check=True, cwd=project, capture_output=True)
        url = server.url("/grps/v1/infer/predict")
        assert requests.post(url, json={"str_data": "x"}, timeout=GUARD_S).status_code == 400
