"""Each Chinese page has the code, headings, tables, names, links and numbers of its English one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.docs.pages import (
    CHINESE_README,
    DOCS,
    README,
    blocks,
    chinese_pages,
    english_pages,
    name_of,
)
from tools.docs_site.translations import (
    BLOCK,
    LINK,
    chinese,
    english,
    headings,
    with_blocks,
    with_links,
)

UNTRANSLATED: set[str] = {
    "reference/plugin-abi.md",
    "reference/python-api.md",
}
"""English pages without a Chinese one, which the site shows in English to readers of Chinese."""
BEHIND: set[str] = set()
"""Chinese pages whose English page has changed since, until somebody translates the change."""
CODE = re.compile(r"`([^`]+)`")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
STEP = re.compile(r"^\d+\. ", re.MULTILINE)
HAN = "\u4e00-\u9fff"
HALF_WIDTH = re.compile(rf"[{HAN}][,;:?!()]|[,;:?!()][{HAN}]|[{HAN}]\.(?:\s|$)")
NO_SPACE = re.compile(rf"[{HAN}][A-Za-z0-9]|[A-Za-z0-9][{HAN}]")


def translations() -> list[Path]:
    """All Chinese pages; their README is named as GitHub's readers know it."""
    return [CHINESE_README, *chinese_pages()]


def prose(page: Path) -> str:
    """A page without its blocks and comments."""
    return re.sub(r"<!--.*?-->", "", BLOCK.sub("", page.read_text(encoding="utf-8")), flags=re.S)


def shown(page: Path) -> str:
    """The prose as readers see it, where a piece of code is a letter, and links are their texts."""
    text = CODE.sub("x", prose(page))
    return re.sub(r"\]\([^)]*\)|\[|\*\*|^[|#>\- ]+", "", text, flags=re.M)


def test_every_page_is_translated_or_listed() -> None:
    untranslated = {
        page.relative_to(DOCS).as_posix() for page in english_pages() if not chinese(page).exists()
    }
    assert untranslated == UNTRANSLATED


def test_every_chinese_page_has_an_english_one() -> None:
    assert chinese_pages()
    assert all(english(page).exists() for page in chinese_pages())


def features(page: Path) -> dict[str, Sequence[object]]:
    """What a page and its translation have in common, whatever the language."""
    text = prose(page)
    links = (re.sub(r"\.zh(-CN)?\.md$", ".md", target) for target, _ in LINK.findall(text))
    numbers = NUMBER.findall(STEP.sub("", re.sub(r"\]\([^)]*\)", "]", CODE.sub("", text))))
    return {
        "code blocks": [(block.language, block.text) for block in blocks(page)],
        "levels of headings": [level for level, _ in headings(text)],
        "rows of tables": [text.count("\n|")],
        "items of lists": [len(re.findall(r"^ *- ", text, re.M)), len(STEP.findall(text))],
        "names": sorted({" ".join(name.split()) for name in CODE.findall(text)}),
        "links": sorted({target for target in links if target}),
        "numbers": sorted(number.rstrip(",") for number in numbers),
    }


def differences(page: Path) -> dict[str, tuple[list[object], list[object]]]:
    """What only a Chinese page has and what only its English one has, by feature."""
    ours, original = features(page), features(english(page))
    return {
        name: (_without(ours[name], original[name]), _without(original[name], ours[name]))
        for name in ours
        if ours[name] != original[name]
    }


def _without(items: Sequence[object], others: Sequence[object]) -> list[object]:
    return list((Counter(items) - Counter(others)).elements())


@pytest.mark.parametrize("page", translations(), ids=name_of)
def test_the_chinese_page_agrees_with_the_english_one(page: Path) -> None:
    found = differences(page)
    if name_of(page).removeprefix("docs/") in BEHIND:
        assert found, "it has caught up: take it off the list"
    else:
        assert not found, "translate the change, or add the page to BEHIND"


@pytest.mark.parametrize("page", translations(), ids=name_of)
def test_links_lead_to_chinese_pages(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert with_links(text, page) == text, "run: python -m tools.docs_site.translations"


@pytest.mark.parametrize("page", translations(), ids=name_of)
def test_chinese_has_its_own_punctuation_and_spacing(page: Path) -> None:
    for line in shown(page).splitlines():
        for wrong in (HALF_WIDTH, NO_SPACE):
            found = wrong.search(line)
            assert found is None, (wrong.findall(line), line)


def test_blocks_are_filled_in_order() -> None:
    original = "a\n```bash\none\n```\nb\n```\n```\n"
    assert with_blocks("甲\n```\n```\n乙\n```text\nold\n```\n", original) == (
        "甲\n```bash\none\n```\n乙\n```\n```\n"
    )
    with pytest.raises(ValueError, match="1 code blocks, but the English page has 2"):
        with_blocks("```\n```\n", original)


def test_the_readme_is_a_translation_too() -> None:
    assert english(CHINESE_README) == README
    assert CHINESE_README in translations()


def test_links_are_moved_to_chinese_pages_and_headings(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\n## First part\n")
    (tmp_path / "a.zh.md").write_text("# 甲\n\n## 第一部分\n")
    (tmp_path / "b.md").write_text("# B\n")
    page = tmp_path / "a.zh.md"
    text = "[x](a.md#first-part) [y](#first-part) [z](b.md) `[n](a.md)`\n"
    assert with_links(text, page).startswith("[x](a.zh.md#第一部分) [y](#第一部分) [z](b.md)")


def test_the_glossaries_have_the_same_terms() -> None:
    def terms(name: str, cells: int) -> list[list[str]]:
        rows = re.findall(r"^\| (.*) \|$", (DOCS / name).read_text(encoding="utf-8"), re.M)
        return [row.split(" | ")[:cells] for row in rows]

    ours, original = terms("glossary.zh.md", 2), terms("glossary.md", 2)
    assert ours[1:] == [ours[0] if row[0] == "term" else row for row in original[1:]]


def test_differences_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\nAt most `n` of 1,000 [here](b.md).\n")
    (tmp_path / "a.zh.md").write_text("# 甲\n\n最多 1,000 个 `n` 见[这里](b.zh.md)。\n")
    assert differences(tmp_path / "a.zh.md") == {}
    (tmp_path / "a.zh.md").write_text("# 甲\n\n最多 100 个 `m`。\n")
    assert differences(tmp_path / "a.zh.md") == {
        "names": (["m"], ["n"]),
        "links": ([], ["b.md"]),
        "numbers": (["100"], ["1,000"]),
    }
