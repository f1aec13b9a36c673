"""Makes the pictures of the documentation: ``python -m tools.pictures [--check] [NAME ...]``.

Drawings come from ``drawings/``, pictures of pages from this repository's pages and what
``recorded/`` has. ``--check`` writes nothing and exits with 1 if a picture is stale.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.pictures.browser import EVEN_TEXT, chromium, take
from tools.pictures.drawing import LANGUAGES, Drawing, Language, drawings
from tools.pictures.images import MOST_DIFFERENT, difference, quantised
from tools.pictures.scenes import FOLDER, scenes
from tools.pictures.svg import THEMES, Theme, svg


def drawing_file(drawing: Drawing, language: Language, theme: Theme) -> Path:
    """Return the file of a drawing."""
    return FOLDER / f"{drawing.name}{'' if language == 'en' else '-zh'}-{theme}.svg"


def drawn() -> Iterator[tuple[Path, str]]:
    """Yield the file and the text of each drawing."""
    for drawing in drawings():
        for language in LANGUAGES:
            for theme in THEMES:
                yield drawing_file(drawing, language, theme), svg(drawing, language, theme)


def update_drawings(wanted: list[str], check: bool) -> list[Path]:
    """Write the drawings that have changed and return their files."""
    changed = []
    for file, text in drawn():
        if wanted and file.stem not in wanted:
            continue
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            changed.append(file)
            if not check:
                file.write_text(text, encoding="utf-8")
    return changed


def update_pages(wanted: list[str], check: bool) -> list[Path]:
    """Write the pictures of pages that have changed and return their files."""
    changed: list[Path] = []
    chosen = [one for one in scenes() if not wanted or Path(one.file).stem in wanted]
    if not chosen:
        return changed
    with chromium(*EVEN_TEXT) as browser:
        for scene in chosen:
            file = FOLDER / scene.file
            picture = quantised(take(browser, scene))
            is_new = not file.is_file() or difference(picture, file.read_bytes()) > MOST_DIFFERENT
            if is_new or (not check and picture != file.read_bytes()):
                changed.append(file)
                if not check:
                    file.write_bytes(picture)
    return changed


def main() -> int:
    """Make all pictures, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m tools.pictures", description=__doc__)
    parser.add_argument("names", nargs="*", help="of files, without their ending; default all")
    parser.add_argument("--check", action="store_true", help="only say which are stale")
    arguments = parser.parse_args()
    known = {file.stem for file, _ in drawn()} | {Path(one.file).stem for one in scenes()}
    if unknown := set(arguments.names) - known:
        pictures = ", ".join(sorted(known))
        parser.error(f"no picture {', '.join(sorted(unknown))}; there are: {pictures}")
    changed = update_drawings(arguments.names, arguments.check)
    changed += update_pages(arguments.names, arguments.check)
    for file in changed:
        print(f"{'stale' if arguments.check else 'written'}: {file.name}")
    return 1 if arguments.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
