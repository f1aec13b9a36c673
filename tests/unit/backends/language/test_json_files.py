"""Files of JSON beside the weights of a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from grps.backends.common.language.json_files import read_json, read_json_list
from grps.errors import ModelError


def test_objects_and_lists(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    assert (read_json(file), read_json_list(file)) == ({}, [])
    file.write_text('{"a": 1}')
    assert read_json(file) == {"a": 1}
    file.write_text('[{"a": 1}]')
    assert read_json_list(file) == [{"a": 1}]


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "not JSON"), ("[" * 100_000, "not JSON"), ("[]", "not a JSON object")],
)
def test_other_files_are_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text(text)
    with pytest.raises(ModelError, match=rf"file\.json: {words}"):
        read_json(tmp_path / "file.json")
