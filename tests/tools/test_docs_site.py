"""The site shows pictures for the theme that the reader chooses."""

from __future__ import annotations

from tests.support import REPOSITORY
from tools.docs_site.hooks import PICTURE, THEMED
from tools.pictures.scenes import FOLDER


def test_a_picture_becomes_an_image_for_each_theme() -> None:
    picture = (
        '<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="a/x-dark.png">\n'
        '  <img src="a/x-light.png" alt="A page" width="320">\n</picture>'
    )
    images = "![A page](a/x-light.png#only-light)![A page](a/x-dark.png#only-dark)"
    assert PICTURE.sub(THEMED, f"before\n\n{picture}\n\nafter") == f"before\n\n{images}\n\nafter"


def test_every_picture_of_a_page_is_one_that_the_site_understands() -> None:
    pages = [
        REPOSITORY / "ARCHITECTURE.md",
        REPOSITORY / "README.md",
        REPOSITORY / "README.zh-CN.md",
    ]
    pages += sorted((REPOSITORY / "docs").rglob("*.md"))
    count = 0
    for page in pages:
        text = page.read_text(encoding="utf-8")
        found = list(PICTURE.finditer(text))
        assert len(found) == text.count("<picture>") == text.count("/pictures/") // 2, page
        assert all((page.parent / one["dark"]).parent.resolve() == FOLDER for one in found)
        count += len(found)
    assert count >= 10
