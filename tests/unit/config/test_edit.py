"""Values put into a configuration text."""

from __future__ import annotations

import pytest
import yaml

from grps.config.edit import with_section_value
from grps.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("", 'interface:\n  port: "80"\n'),
        ("# c\n", '# c\ninterface:\n  port: "80"\n'),
        ("interface: # c\n", 'interface: {port: "80"} # c\n'),
        ("interface: ~ # c\n", 'interface: {port: "80"} # c\n'),
        ("interface:\n  port: 7,8 # c\n  host: a\n", 'interface:\n  port: "80" # c\n  host: a\n'),
        ("interface:\n  # c\n  host: a\n", 'interface:\n  # c\n  port: "80"\n  host: a\n'),
        ("interface: {host: a} # c\n", 'interface: {port: "80", host: a} # c\n'),
        ("interface: {}\n", 'interface: {port: "80"}\n'),
        ("{max_queue: 3}", '{interface: {port: "80"}, max_queue: 3}'),
        ("max_queue: 3 # c\n", 'interface: {port: "80"}\nmax_queue: 3 # c\n'),
        ("interface:\n  port:\nlog: {}\n", 'interface:\n  port: "80"\nlog: {}\n'),
        ("---\ninterface:\n    port: 7\n...\n", '---\ninterface:\n    port: "80"\n...\n'),
        ("\ufeff# \u00e4\ninterface:\n  port: 7\n", '\ufeff# \u00e4\ninterface:\n  port: "80"\n'),
    ],
)
def test_the_rest_of_the_text_stays(text: str, edited: str) -> None:
    assert with_section_value(text, "f", "interface", "port", "80") == edited


@pytest.mark.parametrize(
    "text",
    [
        "x: &p 7080\ninterface: {port: *p}\n",
        "interface:\n  port: |\n    7080\nlog: {level: info}\n",
        "x: &b {port: 3, host: a}\ninterface: *b\n",
        "x: &b {port: 3, host: a}\ninterface:\n  <<: *b\n",
        'interface:\n  port: "7080\n    "\nlog: {}\n',
        "{interface: , log: {}}",
    ],
)
def test_rare_forms_keep_their_values(text: str) -> None:
    wanted = yaml.safe_load(text)
    wanted["interface"] = {**(wanted["interface"] or {}), "port": "a"}
    assert yaml.safe_load(with_section_value(text, "f", "interface", "port", "a")) == wanted


@pytest.mark.parametrize("text", ["- a\n", "interface: 3\n", "interface: [\n"])
def test_what_has_no_such_section_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^f"):
        with_section_value(text, "f", "interface", "port", "80")
