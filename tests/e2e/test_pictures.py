"""The pages look as the pictures of the documentation show them, drawn from what was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tools.pictures.browser import EVEN_TEXT, chromium, take
from tools.pictures.images import MOST_DIFFERENT, difference, quantised
from tools.pictures.scenes import FOLDER, Scene, scenes

pytestmark = pytest.mark.browser
SCENES = {scene.file: scene for scene in scenes()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser that draws the pictures, which renders text as theirs did."""
    with chromium(*EVEN_TEXT) as opened:
        yield opened


@pytest.mark.parametrize("name", SCENES)
def test_a_page_looks_as_its_picture(name: str, browser: Browser, tmp_path: Path) -> None:
    picture = quantised(take(browser, SCENES[name]))
    (tmp_path / name).write_bytes(picture)
    share = difference(picture, (FOLDER / name).read_bytes())
    assert share <= MOST_DIFFERENT, (
        f"{share:.1%} of the pixels differ; look at {tmp_path / name}, and if it is right run: "
        f"python -m tools.pictures {Path(name).stem}"
    )


def test_a_page_that_has_changed_is_noticed(browser: Browser) -> None:
    def without_tiles(page: Page) -> None:
        page.add_style_tag(content="section :is(p, figure, table, .tiles) { opacity: 0.2 }")

    scene = SCENES["dashboard-light.png"]
    changed = quantised(take(browser, replace(scene, act=without_tiles)))
    assert difference(changed, (FOLDER / scene.file).read_bytes()) > MOST_DIFFERENT


def test_what_was_not_recorded_is_named(browser: Browser) -> None:
    def ask(page: Page) -> None:
        page.evaluate("fetch('grps/v1/not/recorded').then(() => null)")

    with pytest.raises(LookupError, match=r"GET .*/grps/v1/not/recorded was not recorded"):
        take(browser, Scene("other", hash="overview", act=ask))
