"""Draws a description as SVG, in one language, for light or for dark pages."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from html import escape
from typing import Literal

from tools.pictures.drawing import Area, Arrow, Box, Drawing, Language

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
_COLOURS: dict[Theme, dict[str, str]] = {
    "light": {
        "text": "#1c2127",
        "quiet": "#55606b",
        "line": "#7a8591",
        "area": "#f4f6f8",
        "plain": "#ffffff",
        "native": "#e3f0ff",
        "instance": "#e6f5e9",
        "outside": "#fff3df",
    },
    "dark": {
        "text": "#e6eaee",
        "quiet": "#a9b4bf",
        "line": "#7f8b97",
        "area": "#1b2027",
        "plain": "#12161b",
        "native": "#16324f",
        "instance": "#173a22",
        "outside": "#453114",
    },
}
_KINDS = ("plain", "native", "instance", "outside")
_FONT = (
    "system-ui,-apple-system,'Segoe UI','Noto Sans','PingFang SC','Microsoft YaHei',"
    "'Noto Sans CJK SC',sans-serif"
)
_TITLE_PX = 15.0
_LINE_PX = 12.5
_LABEL_PX = 12.0
_STEP_PX = 18
_WIDE = "\u2e80"
"""From this character on, characters are as wide as they are high."""
_NARROW = 0.58
"""Width of other characters, as a share of the height."""
_MARGIN_PX = 8
_HEAD = (
    '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
    'markerHeight="8" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z"/></marker></defs>'
)


def svg(drawing: Drawing, language: Language, theme: Theme) -> str:
    """Return a drawing as the text of a file."""
    boxes = {box.key: box for box in drawing.boxes}
    width, height = drawing.size
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" '
        f'lang="{"zh-CN" if language == "zh" else "en"}">',
        f"<title>{escape(drawing.title.in_language(language))}</title>",
        f"<style>{_style(theme)}</style>",
        _HEAD,
        *(_area(area, language) for area in drawing.areas),
        *(_arrow(arrow, boxes, language) for arrow in drawing.arrows),
        *(_box(box, language) for box in drawing.boxes),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def too_wide(drawing: Drawing, language: Language) -> Iterator[str]:
    """Yield the texts that are wider than their box, by an estimate."""
    for box in drawing.boxes:
        texts = [(box.title, _TITLE_PX), *((line, _LINE_PX) for line in box.lines)]
        for text, pixels in texts:
            said = text.in_language(language)
            if _width(said, pixels) > box.at.width - _MARGIN_PX:
                yield said


def _width(text: str, pixels: float) -> float:
    return pixels * sum(1 if letter >= _WIDE else _NARROW for letter in text)


def _style(theme: Theme) -> str:
    colours = _COLOURS[theme]
    line = colours["line"]
    return (
        f"text{{font:{_LINE_PX}px {_FONT};fill:{colours['text']};text-anchor:middle}}"
        f".title{{font-size:{_TITLE_PX}px;font-weight:600}}"
        f".label{{fill:{colours['quiet']};font-size:{_LABEL_PX}px}}"
        f".caption{{fill:{colours['quiet']};text-anchor:start;font-weight:600}}"
        f"rect{{stroke:{line}}}.area{{fill:{colours['area']};stroke-dasharray:4 3}}"
        + "".join(f".{kind}{{fill:{colours[kind]}}}" for kind in _KINDS)
        + f".arrow{{fill:none;stroke:{line};stroke-width:1.6}}marker path{{fill:{line}}}"
    )


def _rectangle(kind: str, thing: Area | Box) -> str:
    at = thing.at
    return (
        f'<rect class="{kind}" x="{at.left}" y="{at.top}" width="{at.width}" '
        f'height="{at.height}" rx="7"/>'
    )


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def _area(area: Area, language: Language) -> str:
    caption = area.caption.in_language(language)
    return _rectangle("area", area) + _text("caption", area.at.left + 12, area.at.top + 20, caption)


def _box(box: Box, language: Language) -> str:
    x = box.at.left + box.at.width / 2
    top = box.at.top + (box.at.height - _STEP_PX * (1 + len(box.lines))) / 2 + 14
    texts = [_text("title", x, top, box.title.in_language(language))]
    for number, line in enumerate(box.lines, 1):
        texts.append(_text("line", x, top + _STEP_PX * number, line.in_language(language)))
    return _rectangle(box.kind, box) + "".join(texts)


def _arrow(arrow: Arrow, boxes: dict[str, Box], language: Language) -> str:
    start, end = (boxes[key].at.middle_of(side) for key, side in (arrow.start, arrow.end))
    points = [start, *_bends(arrow, start, end), end]
    path = "M" + "L".join(f"{x} {y}" for x, y in points)
    head = ' marker-start="url(#head)"' if arrow.is_double else ""
    line = f'<path class="arrow" d="{path}"{head} marker-end="url(#head)"/>'
    return line if arrow.label is None else line + _label(arrow.label.in_language(language), points)


def _bends(
    arrow: Arrow, start: tuple[int, int], end: tuple[int, int]
) -> tuple[tuple[int, int], ...]:
    (x1, y1), (x2, y2) = start, end
    if x1 == x2 or y1 == y2:
        return ()
    starts_upright, ends_upright = (
        side in ("top", "bottom") for _, side in (arrow.start, arrow.end)
    )
    if starts_upright and ends_upright:
        return ((x1, (y1 + y2) // 2), (x2, (y1 + y2) // 2))
    if not starts_upright and not ends_upright:
        return (((x1 + x2) // 2, y1), ((x1 + x2) // 2, y2))
    return ((x1, y2),) if starts_upright else ((x2, y1),)


def _label(text: str, points: list[tuple[int, int]]) -> str:
    """Write a label at the longest part of an arrow: above it, or to the left of an upright one."""
    (x1, y1), (x2, y2) = max(
        itertools.pairwise(points),
        key=lambda part: abs(part[0][0] - part[1][0]) + abs(part[0][1] - part[1][1]),
    )
    if x1 == x2:
        return _text("label", x1 - 10 - _width(text, _LABEL_PX) / 2, (y1 + y2) / 2 + 4, text)
    return _text("label", (x1 + x2) / 2, y1 - 7, text)
