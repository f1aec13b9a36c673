"""A flame graph as SVG that is part of a page: the outermost frames are at the top."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape

from grps.profile.sampling import Frame, Stack

_WIDTH, _ROW = 1200, 18
_LEAST_SHARE = 0.001
"""Narrower frames are left out."""
_CHAR = 6.6
"""Width of a letter, about."""
_MOST_DEPTH = 200

STYLE = """
.flame rect{stroke:var(--back);stroke-width:.5;fill-opacity:.45}.flame g{cursor:pointer}
.flame text{fill:var(--text);font-size:11px;pointer-events:none}
.flame .own rect{fill:var(--c1)}.flame .library rect{fill:var(--c0)}
.own.key::before{color:var(--c1)}.library.key::before{color:var(--c0)}
"""

SCRIPT = """
for (const svg of document.querySelectorAll("svg.flame")) {
  const frames = [...svg.querySelectorAll("g")];
  const width = svg.viewBox.baseVal.width;
  const show = (start, length, depth) => frames.forEach((frame) => {
    const own = frame.dataset;
    const left = (own.start - start) / length, size = own.length / length;
    const outside = own.depth - depth >= 0 ? false : size - 1 >= -1e-9 ? false : true;
    const hidden = outside || 1e-9 - left - size >= 0 || left - 1 >= -1e-9;
    frame.style.display = hidden ? "none" : "";
    if (hidden) return;
    const from = Math.max(left, 0), to = Math.min(left + size, 1);
    const [rect, text] = [frame.querySelector("rect"), frame.querySelector("text")];
    rect.setAttribute("x", from * width);
    rect.setAttribute("width", (to - from) * width);
    text.setAttribute("x", from * width + 3);
    const letters = Math.floor(((to - from) * width - 6) / 6.6);
    text.textContent = 3 > letters ? "" : own.name.slice(0, letters);
  });
  frames.forEach((frame) => frame.addEventListener("click", () => {
    const {start, length, depth} = frame.dataset;
    show(Number(start), Number(length), Number(depth));
  }));
  svg.addEventListener("dblclick", () => show(0, 1, 0));
}
"""
"""Shows the frames below the one that is clicked; a double click shows all."""


@dataclass(slots=True)
class _Node:
    seconds: float = 0.0
    inside: dict[Frame, _Node] = field(default_factory=dict)


def flame_graph(seconds: Mapping[Stack, float], is_own: Callable[[Frame], bool]) -> str:
    """Return stacks as a figure.

    Args:
        seconds: The time in each stack.
        is_own: Whether a frame is of the user's code, which has a color of its own.
    """
    root = _Node()
    for stack, time in seconds.items():
        root.seconds += time
        node = root
        for frame in stack[:_MOST_DEPTH]:
            node = node.inside.setdefault(frame, _Node())
            node.seconds += time
    if not root.seconds:
        return ""
    parts: list[str] = []
    depth = _draw(root, root.seconds, 0.0, 0, is_own, parts)
    height = max(1, depth) * _ROW
    return (
        "<figure><figcaption>Time by stack; click a frame to enlarge it, double-click for all"
        '</figcaption><p class="legend"><span class="own key">the project</span>'
        '<span class="library key">libraries, Python and GRPS</span></p>'
        f'<svg class="flame" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="Flame graph">{"".join(parts)}</svg></figure>'
    )


def _draw(
    node: _Node,
    total: float,
    start: float,
    depth: int,
    is_own: Callable[[Frame], bool],
    parts: list[str],
) -> int:
    """Add the frames inside a node; return how many rows there are."""
    deepest = depth
    for frame, inner in sorted(node.inside.items(), key=lambda item: -item[1].seconds):
        share = inner.seconds / total
        if share >= _LEAST_SHARE:
            parts.append(_frame(frame, start, share, depth, is_own(frame), inner.seconds))
            rows = _draw(inner, total, start, depth + 1, is_own, parts)
            deepest = max(deepest, rows)
        start += share
    return deepest


def _frame(frame: Frame, start: float, share: float, depth: int, own: bool, seconds: float) -> str:
    left, width, top = start * _WIDTH, share * _WIDTH, depth * _ROW
    name = frame.label
    letters = int((width - 6) / _CHAR)
    text = escape(name[:letters]) if letters > 2 else ""
    title = f"{name}, {frame.file}: {seconds * 1000:.1f} ms, {share:.1%}"
    return (
        f'<g class="{"own" if own else "library"}" data-start="{start:.6f}" '
        f'data-length="{share:.6f}" data-depth="{depth}" data-name="{escape(name)}">'
        f"<title>{escape(title)}</title>"
        f'<rect x="{left:.2f}" y="{top}" width="{width:.2f}" height="{_ROW}"/>'
        f'<text x="{left + 3:.2f}" y="{top + 13}">{text}</text></g>'
    )
