"""Lines of text in a map of how likely each pixel belongs to one."""

from collections.abc import Iterator

import numpy as np

LIKELY = 0.3
LINE_IS_LIKELY = 0.6
SMALLEST = 3
GROWTH = 1.6
"""The detector marks the middle of a line; its box grows by area * GROWTH / circumference."""
MOST_LINES = 200

Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""


def find_lines(likely: np.ndarray) -> list[Box]:
    """Return the boxes of the lines in a map ``[H, W]``, from top to bottom."""
    height, width = likely.shape
    boxes = []
    for left, top, right, bottom in _regions(likely > LIKELY):
        wide, high = right - left, bottom - top
        if min(wide, high) < SMALLEST:
            continue
        inside = likely[top:bottom, left:right]
        if inside[inside > LIKELY].mean() < LINE_IS_LIKELY:
            continue
        by = round(wide * high * GROWTH / (2 * (wide + high)))
        grown = (left - by, top - by, right + by, bottom + by)
        boxes.append(
            (max(0, grown[0]), max(0, grown[1]), min(width, grown[2]), min(height, grown[3]))
        )
    return sorted(boxes, key=lambda box: (box[1], box[0]))[:MOST_LINES]


def _regions(marked: np.ndarray) -> Iterator[Box]:
    """Yield the boxes of all regions of marked pixels that hang together."""
    regions: list[list[int]] = []
    above: list[tuple[int, int, list[int]]] = []
    for row, pixels in enumerate(marked):
        steps = np.flatnonzero(np.diff(np.concatenate(([0], pixels.astype(np.int8), [0]))))
        current = []
        for start, end in zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True):
            region = [start, row, end, row + 1]
            regions.append(region)
            touching = [old for first, last, old in above if first < end and start < last]
            for old in touching:
                region = _join(region, old, regions, current, above)
            current.append((start, end, region))
        above = current
    yield from ((region[0], region[1], region[2], region[3]) for region in regions if region)


def _join(
    one: list[int],
    other: list[int],
    regions: list[list[int]],
    *rows: list[tuple[int, int, list[int]]],
) -> list[int]:
    """Make two regions one, wherever they are held."""
    if one is other:
        return one
    both = [
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    ]
    for row in rows:
        row[:] = [(s, e, both if r is one or r is other else r) for s, e, r in row]
    one.clear()
    other.clear()
    regions.append(both)
    return both
