"""Draw a picture to try: three lines of text, the second upside down."""

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

LINES = ("Generic Realtime", "Predict Service", "reads 3 lines")
SIZE = (640, 320)
UPSIDE_DOWN = 1


def draw(lines: tuple[str, ...] = LINES) -> Image.Image:
    """Return a picture with one line of text below the other."""
    picture = Image.new("RGB", SIZE, "white")
    font = ImageFont.load_default(40)
    for index, text in enumerate(lines):
        line = Image.new("RGB", (SIZE[0] - 80, 60), "white")
        ImageDraw.Draw(line).text((10, 5), text, fill="black", font=font)
        if index == UPSIDE_DOWN:
            line = line.rotate(180)
        picture.paste(line, (40, 30 + 90 * index))
    return picture


if __name__ == "__main__":
    draw(tuple(sys.argv[2:]) or LINES).save(Path(sys.argv[1]))
