"""The other servers' blocks of the pages in docs/migrate, and the tool that runs both sides."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from grps.server.repository.config_text import read_config
from tests.docs.pages import blocks
from tests.support import REPOSITORY
from tools.migration.pages import FOLDER, Block, Page, names, parse_page, read_page
from tools.migration.peers import PEERS
from tools.migration.sides import Side, same

RECORDED = REPOSITORY / "tests" / "compat" / "data" / "golden" / "http.jsonl"
OTHERS = [name for name in names() if name != "grps-1"]
ECHO = """# From echo

## The same service

```python
from pathlib import Path

Path("factor.txt").write_text("2")
```

### Echo

<!-- no-run: it runs on Echo -->
```python
# double.py
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Double(BaseHTTPRequestHandler):
    def do_POST(self):
        x = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        factor = float(Path("factor.txt").read_text())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps([value * factor for value in x]).encode())


server = HTTPServer(("127.0.0.1", 0), Double)
Path("port.txt").write_text(str(server.server_port))
server.serve_forever()
```

<!-- no-run: it runs on Echo -->
```bash
python double.py &
```

<!-- no-run: it runs on Echo -->
```bash
curl -s "http://127.0.0.1:$(cat port.txt)" -d '[1, 2]'
```

```json
[2.0, 4.0]
```

### GRPS

```bash
exit 7
```
"""


def test_each_page_has_a_server() -> None:
    assert set(names()) == set(PEERS)
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| \[[^]]+\]\(([\w-]+)\.md\) ", index, re.MULTILINE)) == set(names())


@pytest.mark.parametrize("name", OTHERS)
def test_both_sides_have_an_example(name: str) -> None:
    page = read_page(name)
    theirs, ours = ([one.answer for one in side if one.answer] for side in (page.theirs, page.ours))
    assert theirs, "a request with its answer"
    assert theirs == ours
    whole = blocks(FOLDER / f"{name}.md")
    marked = [one for one in whole if one.no_run]
    assert {one.no_run for one in marked} == {f"it runs on {page.server}"}
    assert len(marked) == len(page.theirs)


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_side_is_well_formed(name: str) -> None:
    for block in read_page(name).theirs:
        if block.language == "python":
            ast.parse(block.text)
        elif block.language == "bash":
            subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
        else:
            assert block.language == "text" and block.path
            assert read_config(block.text)


@pytest.mark.parametrize("name", OTHERS)
def test_the_page_says_which_version_was_run(name: str) -> None:
    page = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    said = page[page.index("\n## What was run\n") :]
    for package in PEERS[name].packages[:1]:
        assert package.partition("==")[2] in said


def test_what_is_said_of_grps_1_was_recorded() -> None:
    [request] = [one for one in read_page("grps-1").ours if one.answer]
    [record] = [
        one
        for one in map(json.loads, RECORDED.read_text(encoding="utf-8").splitlines())
        if one["id"] == "predict-str"
    ]
    assert f"-d '{record['request']['body']['text']}'" in request.text
    assert json.loads(record["response"]["body"]["text"]) == request.answer


def side(folder: Path) -> Side:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return Side(folder, {**os.environ, "PATH": path}, Path(sys.executable))


def echo_page() -> Page:
    page = parse_page(ECHO)
    assert (page.server, len(page.shared), len(page.theirs), len(page.ours)) == ("Echo", 1, 3, 1)
    return page


def test_a_side_runs_as_the_page_has_it(tmp_path: Path) -> None:
    page, theirs = echo_page(), side(tmp_path)
    try:
        assert theirs.run([*page.shared, *page.theirs]) == [[2.0, 4.0]]
    finally:
        theirs.end()
    port = (tmp_path / "port.txt").read_text()
    assert subprocess.run(["curl", "-s", f"http://127.0.0.1:{port}"], check=False).returncode == 7


def test_a_block_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="line 52 failed"):
        side(tmp_path).run(echo_page().ours)


def test_a_server_that_has_ended_is_not_awaited(tmp_path: Path) -> None:
    page = echo_page()
    start = Block("bash", "echo broken >&2; exit 0 &\n", 1)
    with pytest.raises(RuntimeError, match=r"line 42 is not answered(?s:.*)broken"):
        side(tmp_path).run([start, page.theirs[-1]])


def test_answers_are_equal_up_to_rounding() -> None:
    assert same({"y": [0.1 + 0.2, 2]}, {"y": [0.3, 2]})
    assert not same({"y": [0.31]}, {"y": [0.3]})
    assert not same({"y": [1.0]}, {"y": [1.0], "id": "1"})
    assert not same(None, [])
    assert not same(True, 1)
