"""A report as a page of HTML, which loads nothing from elsewhere; light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

STYLE = """
:root{color-scheme:light dark;--back:#fff;--text:#1c2127;--soft:#5b6570;--grid:#dde2e7;
--c0:#0b6bcb;--c1:#c4521b;--c2:#1a7f37;--c3:#8250df;--c4:#a60f55;--c5:#7a6400}
@media(prefers-color-scheme:dark){:root{--back:#14181d;--text:#e4e8ec;--soft:#97a1ab;
--grid:#2c333b;--c0:#58a6ff;--c1:#ff9357;--c2:#56d364;--c3:#bc8cff;--c4:#ff7eb6;--c5:#e3c341}}
body{margin:2rem auto;max-width:88rem;padding:0 1rem;background:var(--back);color:var(--text);
font:15px/1.5 system-ui,sans-serif}h1{font-size:1.4rem}h2{font-size:1.15rem;margin-top:2rem}
.soft,figcaption,.legend{color:var(--soft)}.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;white-space:nowrap}
th,td{padding:.3rem .8rem;border-bottom:1px solid var(--grid);text-align:right}
.word{text-align:left}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem}
figure{margin:0}svg{width:100%;height:auto}svg text{fill:var(--soft);font-size:12px}
.grid{stroke:var(--grid)}.line{fill:none;stroke-width:2}.legend{margin:.2rem 0}
.key{margin-right:1rem}.key::before{content:"";display:inline-block;width:.7rem;height:.7rem;
margin-right:.35rem;background:currentColor}
""" + "".join(
    f".line.c{n}{{stroke:var(--c{n})}}.dot.c{n},.bar.c{n}{{fill:var(--c{n})}}"
    f".key.c{n}::before{{color:var(--c{n})}}"
    for n in range(6)
)


def document(title: str, about: str, body: str) -> str:
    """Return a page.

    Args:
        title: Its title, as text.
        about: The line below the title, as text.
        body: The rest, as HTML.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f'<h1>{escape(title)}</h1><p class="soft">{escape(about)}</p>{body}</body></html>\n'
    )


def table_of(rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Return rows of text, the head first, as a table; the first ``words`` columns are words."""
    head, *others = rows
    content = f"<thead>{_row(head, 'th', words)}</thead>"
    content += f"<tbody>{''.join(_row(row, 'td', words) for row in others)}</tbody>"
    return f'<div class="wide"><table>{content}</table></div>'


def _row(cells: Sequence[str], tag: str, words: int) -> str:
    kinds = [' class="word"' if column < words else "" for column in range(len(cells))]
    made = (f"<{tag}{kind}>{escape(cell)}</{tag}>" for cell, kind in zip(cells, kinds, strict=True))
    return f"<tr>{''.join(made)}</tr>"
