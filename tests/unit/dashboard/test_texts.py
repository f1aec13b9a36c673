"""The texts of the dashboard: the same keys in both languages, and Chinese as it is written."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from grps.dashboard import SCRIPTS

FOLDER = Path("grps/dashboard")
TEXT = re.compile(r'(?:^\s*|[{,]\s*)(\w+):\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
BLOCK = re.compile(
    r"(?:TEXTS\.(en|zh), \{|^  (en|zh): \{)(.*?)^(?:\}\);|  \},)", re.MULTILINE | re.DOTALL
)
CHINESE = r"[\u4e00-\u9fff]"
# A gap may stand for Chinese, too.
NEAR = rf"(?:{CHINESE}|\{{\d\}}|[\uff0c\u3002\uff1a\uff1b\uff09\uff08])"
HALF_WIDTH = re.compile(rf"{CHINESE}\s*[,:;?!()]|[,:;?!()]\s*{CHINESE}|{NEAR}[,:;?!]{NEAR}")
# Names that both languages write alike.
SAME = re.compile(r"\b(?:p\d\d|GPU|CPU|KV|Top p|token|curl|Python|JSON|English)\b|\W|\d")
ENGLISH = re.compile(r"(?:\b[A-Za-z]{2,} ){3,}[a-z]{2,}")


@cache
def texts(language: str) -> dict[str, str]:
    """All texts of a language by their keys."""
    found: list[tuple[str, str]] = []
    for script in SCRIPTS:
        source = (FOLDER / "scripts" / f"{script}.js").read_text(encoding="utf-8")
        for block in BLOCK.finditer(source):
            if language in block.group(1, 2):
                found += TEXT.findall(block.group(3))
    keys = [key for key, _ in found]
    assert len(keys) == len(set(keys)), [key for key in keys if keys.count(key) > 1]
    return dict(found)


def test_both_languages_have_all_texts() -> None:
    assert len(texts("en")) > 250
    assert set(texts("en")) == set(texts("zh"))


def test_both_languages_fill_the_same_gaps() -> None:
    def gaps(text: str) -> set[str]:
        return set(re.findall(r"\{\d\}", text))

    differing = [key for key in texts("en") if gaps(texts("en")[key]) != gaps(texts("zh")[key])]
    assert differing == []


def test_chinese_has_the_punctuation_of_chinese() -> None:
    wrong = {key: text for key, text in texts("zh").items() if HALF_WIDTH.search(text)}
    assert wrong == {}


@pytest.mark.parametrize("text", ["主题:自动", "{0}:{1} 个", "配置 (旧)", "好,的", "{0},共"])
def test_half_width_punctuation_is_found(text: str) -> None:
    assert HALF_WIDTH.search(text)


def test_nothing_is_left_in_english() -> None:
    left = {
        key: text
        for key, text in texts("zh").items()
        if (not re.search(CHINESE, text) and SAME.sub("", text)) or ENGLISH.search(text)
    }
    assert left == {}


def test_every_text_that_the_page_uses_exists() -> None:
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    used = set(re.findall(r'data-(?:t|label|hint|placeholder)="(\w+)"', page))
    for script in SCRIPTS:
        source = (FOLDER / "scripts" / f"{script}.js").read_text(encoding="utf-8")
        used |= set(re.findall(r'\bt\("(\w+)"', source))
    assert used - set(texts("en")) == set()
