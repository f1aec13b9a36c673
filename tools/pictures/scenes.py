"""Which pictures are taken of pages, and what is done on a page before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from playwright.sync_api import Page

from tools.pictures.drawing import Language
from tools.pictures.svg import THEMES, Theme
from tools.repository import ROOT

Act = Callable[[Page], None]
Source = Literal["service", "tune"]
TEXT = "A great cast, a clever story and a warm heart: I loved every minute of it."
DESKTOP = (1280, 800)
TALL = (1280, 1200)
PHONE = (390, 844)


def nothing(page: Page) -> None:
    """Leave the page as it is."""


def send_text(page: Page) -> None:
    """Send a text in the playground."""
    page.locator("#ask-text").fill(TEXT)
    page.locator("#ask button.main").click()


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture of a page.

    Attributes:
        name: Of its file, without the theme.
        source: ``service``: the page at ``/``; ``tune``: the report of a search.
        hash: The section of the page that is open.
        size: Of the window, in pixels of CSS.
        scale: Pixels of the picture for each of them.
        language: Of the reader.
        theme: Of the reader's system.
        act: What is done before.
    """

    name: str
    source: Source = "service"
    hash: str = ""
    size: tuple[int, int] = DESKTOP
    scale: float = 1
    language: Language = "en"
    theme: Theme = "light"
    act: Act = nothing

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}-{self.theme}.png"


_SCENES = (
    Scene("dashboard", hash="overview"),
    Scene("dashboard-zh", hash="overview", language="zh"),
    Scene("playground", hash="playground", act=send_text),
    Scene("phone", hash="overview", size=PHONE, scale=1.5),
    Scene("tune-report", source="tune", size=TALL),
)


def scenes() -> Iterator[Scene]:
    """Yield each picture, light and dark."""
    for scene in _SCENES:
        for theme in THEMES:
            yield replace(scene, theme=theme)


FOLDER = ROOT / "docs" / "assets" / "pictures"
"""The folder of all pictures."""
