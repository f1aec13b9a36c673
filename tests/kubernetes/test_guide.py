"""The values in the guide are accepted and make valid manifests."""

from __future__ import annotations

import pytest
import yaml

from grps.server.configuration import parse_inference, parse_server
from tests.docs.pages import DOCS, Block, blocks
from tests.kubernetes.chart import render_texts
from tests.kubernetes.checking import reference_problems, schema_problems

PAGE = DOCS / "guides" / "kubernetes.md"
VALUES = [block for block in blocks(PAGE) if block.text.startswith("# values.yaml\n")]
PARSERS = {"inference.yml": parse_inference, "server.yml": parse_server}


def test_the_guide_has_values() -> None:
    assert len(VALUES) == sum(block.language == "yaml" for block in blocks(PAGE))


@pytest.mark.parametrize("block", VALUES, ids=lambda block: f"line {block.line}")
def test_values_are_valid(block: Block) -> None:
    (rendered,) = render_texts([block.text], lint=True)
    assert (rendered.error, rendered.lint) == ("", ())
    problems = [text for manifest in rendered.manifests for text in schema_problems(manifest)]
    assert problems + reference_problems(rendered.manifests) == []
    if "config" in yaml.safe_load(block.text):
        for name, text in rendered.one("ConfigMap")["data"].items():
            PARSERS[name](text, name)
