"""Let files of the repository outside of ``docs/`` that pages link to become part of the site.

mkdocs calls these functions (``hooks`` in ``mkdocs.yml``). So a relative link works on GitHub and
on the site: a page such as ``examples/README.md`` is rendered as ``source/examples/``, and any
other file is copied to its place below ``source/``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tools.docs_site.translations import (
    README,
    SUFFIX,
    anchors,
    chinese,
    english,
    translated_anchor,
)

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
SOURCE = "source"
"""The folder of the site that has files from outside of ``docs/``."""
ALWAYS = ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md")
"""Pages that the navigation names."""
LINK = re.compile(r"\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
FOLDER_LINK = re.compile(r"\[([^\[\]]*)\]\(([^)#\s]+/?)\)")
PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">\s*'
    r'<img src="(?P<light>[^"]+)" alt="(?P<text>[^"\]]*)"(?: width="\d+")?>\s*</picture>'
)
"""A picture that follows the theme of the reader's system, as on GitHub."""
THEMED = r"![\g<text>](\g<light>#only-light)![\g<text>](\g<dark>#only-dark)"
"""The same two images for the site, where readers choose a theme."""
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
WIDE = "\u2014\u2026\u201c\u201d\u3000-\u303f\u4e00-\u9fff\uff00-\uffef"
BROKEN_LINE = re.compile(rf"(?<=[{WIDE}])\n *(?=[{WIDE}])")
"""The end of a line in the middle of Chinese text, which a browser would show as a space."""
DEFAULT = "en"
AFTER_TRANSLATIONS = -200
"""The plugin of the translations makes the list of files anew; it has the priority -100."""


def links(markdown: str) -> Iterator[str]:
    """Yield the relative targets of links outside of code blocks."""
    for found in LINK.finditer(FENCE.sub("", markdown)):
        if "://" not in found["target"] and not found["target"].startswith("mailto:"):
            yield found["target"]


def outside(file: Path) -> list[Path]:
    """Return the files outside of ``docs/`` that a page links to."""
    targets = (
        (file.parent / target).resolve() for target in links(file.read_text(encoding="utf-8"))
    )
    return [
        target
        for target in targets
        if target.is_file() and target.is_relative_to(ROOT) and not target.is_relative_to(DOCS)
    ]


def reachable(pages: list[Path]) -> list[Path]:
    """Return the files outside of ``docs/`` that pages lead to, directly or over others."""
    found: dict[Path, None] = {}
    waiting = [ROOT / name for name in ALWAYS]
    for page in pages:
        waiting += outside(page)
    while waiting:
        file = waiting.pop()
        if file not in found:
            found[file] = None
            waiting += outside(file) if file.suffix == ".md" else []
    return sorted(found)


def site_uri(file: Path) -> str:
    """Return the address of a file among the sources of the site."""
    if file.is_relative_to(DOCS):
        return file.relative_to(DOCS).as_posix()
    return f"{SOURCE}/{file.relative_to(ROOT).as_posix()}"


def language_of(config: MkDocsConfig) -> str:
    """Return the language whose pages are being built."""
    return str(vars(config.plugins["i18n"])["current_language"])


@event_priority(AFTER_TRANSLATIONS)
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside of ``docs/`` that the pages of a language link to."""
    language = language_of(config)
    folder = "" if language == DEFAULT else f"{language}/"
    pages = [Path(file.abs_src_path) for file in files.documentation_pages() if file.abs_src_path]
    for path in reachable(pages):
        file = File.generated(config, site_uri(path), abs_src_path=str(path))
        file.dest_uri = f"{folder}{file.dest_uri}"
        # What the plugin of the translations keeps about each file.
        vars(file).update(
            alternates={language: file},
            locale=language,
            locale_alternate_of=language,
            localization=None,
            norm_src_uri=file.src_uri,
        )
        files.append(file)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to pages and headings of the site; join the lines of Chinese text."""
    source = Path(page.file.abs_src_path or "")
    is_chinese = source == README or source.name.endswith(SUFFIX)
    is_substitute = language_of(config) == "zh" and not is_chinese
    here = Path(page.file.src_uri).parent

    def moved(found: re.Match[str]) -> str:
        target, anchor = found["target"], (found["anchor"] or "")[1:]
        file = (source.parent / target).resolve()
        if "://" in target or not file.is_file() or not file.is_relative_to(ROOT):
            return found[0]
        if language_of(config) == DEFAULT and file.name.endswith(SUFFIX):
            # The Chinese README is on the English site too, which has no Chinese pages.
            anchor = anchor and translated_anchor(anchor, file, english(file))
            file = english(file)
        if is_substitute and anchor and chinese(file).is_file():
            anchor = translated_anchor(anchor, file, chinese(file))
            # A Chinese page that is behind may lack the heading; the link then leads to its top.
            anchor = anchor if anchor in anchors(chinese(file)) else ""
        if not (source.is_relative_to(DOCS) and file.is_relative_to(DOCS)):
            target = os.path.relpath(site_uri(file), here)
        return f"]({target}{'#' + anchor if anchor else ''})"

    def without_folder(found: re.Match[str]) -> str:
        # A site has no page of a folder.
        return found[1] if (source.parent / found[2]).is_dir() else found[0]

    def prose(text: str) -> str:
        text = BROKEN_LINE.sub("", text) if is_chinese else text
        text = PICTURE.sub(THEMED, text)
        return LINK.sub(moved, FOLDER_LINK.sub(without_folder, text))

    parts = []
    end = 0
    for block in FENCE.finditer(markdown):
        parts += [prose(markdown[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*parts, prose(markdown[end:])])
