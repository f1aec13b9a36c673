"""What the page makes of the Markdown of answers: elements of a known kind, whatever is written."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page

pytestmark = pytest.mark.browser

SCRIPTS = Path("grps/dashboard/scripts")
BLANK = "<!doctype html><main></main>"
SHOW = """text => {
  const main = document.querySelector("main");
  main.replaceChildren(...markdown(text));
  return main.innerHTML;
}"""
ELEMENTS = """() => [...document.querySelectorAll("main *")].map((element) => [
  element.localName,
  Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value])),
])"""
TAGS = {
    *("a", "blockquote", "br", "button", "code", "del", "div", "em", "h3", "hr", "li", "ol", "p"),
    *("pre", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
ATTRIBUTES = {"class", "href", "rel", "scope", "start", "tabindex", "target", "type"}


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    opened.set_content(BLANK)
    parts = [
        (SCRIPTS / f"{name}.js").read_text(encoding="utf-8") for name in ("basics", "markdown")
    ]
    opened.add_script_tag(content="\n".join(["const t = (key) => key;", *parts]))
    yield opened
    opened.close()


def link(address: str, text: str) -> str:
    return f'<a href="{address}" target="_blank" rel="noopener noreferrer">{text}</a>'


def code(text: str, name: str = "") -> str:
    head = f'<span>{name}</span><button type="button" class="small">copy</button>'
    return (
        f'<div class="code"><div class="code-head">{head}</div>'
        f'<pre tabindex="0"><code>{text}</code></pre></div>'
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
        ("a\r\n\r\nb", "<p>a</p><p>b</p>"),
        ("# One\n### Three", '<h3 class="heading-1">One</h3><h3 class="heading-3">Three</h3>'),
        ("#no heading", "<p>#no heading</p>"),
        ("**a** __b__", "<p><strong>a</strong> <strong>b</strong></p>"),
        ("*a* _b_ ~~c~~", "<p><em>a</em> <em>b</em> <del>c</del></p>"),
        ("***a***", "<p><strong><em>a</em></strong></p>"),
        ("**a *b* c**", "<p><strong>a <em>b</em> c</strong></p>"),
        ("*a **b***", "<p><em>a <strong>b</strong></em></p>"),
        ("2 * 3 * 4, snake_case_name, a ** b", "<p>2 * 3 * 4, snake_case_name, a ** b</p>"),
        ("**not closed", "<p>**not closed</p>"),
        (r"\*plain\* \<", "<p>*plain* &lt;</p>"),
        ("`a *b* <i>` ``c`d`` `open", "<p><code>a *b* &lt;i&gt;</code> <code>c`d</code> `open</p>"),
        ("- a\n- b\n  - c\n\n- d", "<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("1. a\n   b\n\n   c", "<ol><li>a<br>b<p>c</p></li></ol>"),
        ("in\n1984. no list", "<p>in<br>1984. no list</p>"),
        ("- a\n\n1. b", "<ul><li>a</li></ul><ol><li>b</li></ol>"),
        ("> a\n> b\n\nc", "<blockquote><p>a<br>b</p></blockquote><p>c</p>"),
        ("a\n\n---\n\nb", "<p>a</p><hr><p>b</p>"),
        ("```py\nx < 1\n\n# y\n```\nz", code("x &lt; 1\n\n# y", "py") + "<p>z</p>"),
        ("~~~\n```\n~~~", code("```")),
        ("```\nnot closed", code("not closed")),
        ("- a\n  ```\n  b\n  ```", f"<ul><li>a{code('b')}</li></ul>"),
        ("[a *b*](http://x.y/(z)?q)", f"<p>{link('http://x.y/(z)?q', 'a <em>b</em>')}</p>"),
        ("see https://x.y/z.", f"<p>see {link('https://x.y/z', 'https://x.y/z')}.</p>"),
        ("(http://x.y)", f"<p>({link('http://x.y', 'http://x.y')})</p>"),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>"),
        ("[a](data:,x) [b](//x.y) [c](/z)", "<p>[a](data:,x) [b](//x.y) [c](/z)</p>"),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
        ("a | b\nc | d", "<p>a | b<br>c | d</p>"),
        (
            "Use **the `**kwargs` argument** here",
            "<p>Use <strong>the <code>**kwargs</code> argument</strong> here</p>",
        ),
        (r"*a \* b*", "<p><em>a * b</em></p>"),
        ("**a `b** c", "<p><strong>a `b</strong> c</p>"),
    ],
)
def test_a_text_becomes_elements(page: Page, text: str, shown: str) -> None:
    assert page.evaluate(SHOW, text) == shown


def test_a_table_is_one(page: Page) -> None:
    page.evaluate(SHOW, "| a | b |\n|---|:-:|\n| 1 | **2** |\n| 3 |\n\nend")
    assert page.locator("th").all_inner_texts() == ["a", "b"]
    assert page.locator("td").all_inner_texts() == ["1", "2", "3"]
    assert page.locator("td strong").count() == 1
    assert page.locator("main > p").inner_text() == "end"


def test_bars_in_code_and_behind_backslashes_end_no_cell(page: Page) -> None:
    page.evaluate(SHOW, "| `a || b` | c \\| d |\n|-|-|\n| 1 | 2 | 3 |\n| `4 | 5 |")
    assert page.locator("th").all_inner_texts() == ["a || b", "c | d"]
    assert page.locator("td").all_inner_texts() == ["1", "2 | 3", "`4", "5"]


def test_a_table_has_no_more_cells_than_its_text(page: Page) -> None:
    rows = "|\n" * 20_000
    for columns, cells in ((100, 20_000), (101, 0)):
        page.evaluate(SHOW, f"{'|a' * columns}\n{'|-' * columns}\n{rows}")
        assert page.locator("td").count() == cells


def check_elements(found: list[tuple[str, dict[str, Any]]]) -> None:
    for tag, attributes in found:
        assert tag in TAGS
        assert attributes.keys() <= ATTRIBUTES
        if tag == "a":
            assert attributes["href"].startswith(("http://", "https://"))
            assert attributes["rel"] == "noopener noreferrer"
        else:
            assert "href" not in attributes


PIECES = (
    *(
        "*",
        "**",
        "_",
        "__",
        "~~",
        "`",
        "``",
        "```",
        "~~~",
        "#",
        "- ",
        "1. ",
        "> ",
        "|",
        "---",
        "\\",
    ),
    *("[", "](", ")", "](javascript:alert(1))", "](http://a.b)", "http://", "https://a.b/", '"'),
    *("<", ">", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;", "&#106;"),
    *(
        "\n",
        "\n\n",
        "  ",
        "    ",
        "\t",
        "\r\n",
        " ",
        "a",
        "word",
        "é",
        "中文",
        "🦀",
        "\0",
        "\ufeff",
    ),
    *("javascript:", "data:text/html,", "' onclick='x", '" onclick="x', "\u202e", "\ud800"),
)


def test_no_text_becomes_anything_else(page: Page) -> None:
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    chance = random.Random(7)
    texts = ["".join(chance.choices(PIECES, k=chance.randint(1, 40))) for _ in range(600)]
    clean = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
    for text in clean:
        page.evaluate(SHOW, text)
        check_elements(page.evaluate(ELEMENTS))
    assert dialogs == []


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "*",
            "*a ",
            "**a ",
            "_a",
            "`",
            "`a``",
            "[",
            "[a](http://b",
            "[a](",
            "http://",
            "> ",
            "- ",
        ),
        *(
            "\n- ",
            " ",
            "\t",
            "|",
            "|\n",
            "|-",
            "~",
            "#",
            "\\",
            "\n> ",
            "1. ",
            "a\n",
            "- -",
            "![",
            ")",
        ),
    ],
)
def test_long_texts_are_shown_too(page: Page, piece: str) -> None:
    length = 100_000
    text = (piece * length)[:length] + "x\n`"
    page.evaluate(SHOW, text)
    assert page.locator("main").evaluate("main => main.textContent.includes('x')")
