"""The chat of the page at ``/``, with a real language model and with answers that are made up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, Request, expect

from tests.e2e.chats import COMPLETE, Script, events, failure, say
from tests.e2e.pages import page_of, page_of_gone, show
from tests.integration.language.models import smol_model
from tests.support import RunningServer, serving, wait_until, write_project

pytestmark = pytest.mark.browser

HOSTILE = """<script>window.hacked = 1</script>
<img src=x onerror="window.hacked = 1"> [a](javascript:window.hacked=1)

**bold** with `code` and [a link](https://example.com/)

- one
- two
"""
CALL = {"name": "get_weather", "arguments": ""}
CALLED = [
    {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": CALL}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]},
]
RESULTS = "The model calls tools. Fill in the results."
FAILED = "The answer failed."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    model = smol_model()
    plain = {"name": "plain", "version": "1.0.0", "inferer_type": "identity"}
    with serving(write_project(tmp_path_factory.mktemp("chat"), [model, plain])) as running:
        yield running


@pytest.fixture
def page(server: RunningServer, browser: Browser) -> Iterator[Page]:
    with page_of(server, browser, "#chat") as opened:
        expect(opened.locator("#chat")).to_be_visible()
        yield opened


def token(text: str, logprob: float, *others: tuple[str, float]) -> dict[str, Any]:
    """A delta of one token."""

    def described(text: str, logprob: float) -> dict[str, Any]:
        return {"token": text, "logprob": logprob, "bytes": list(text.encode())}

    top = [described(*one) for one in others]
    content = [{**described(text, logprob), "top_logprobs": top}]
    return {"content": text, "logprobs": {"content": content, "refusal": None}}


def test_a_chat_has_several_turns(page: Page) -> None:
    asked: list[dict[str, Any]] = []

    def note(request: Request) -> None:
        if request.post_data:
            asked.append(json.loads(request.post_data))

    page.on("request", note)
    assert page.locator("#chat-model option").all_inner_texts() == ["smol"]
    expect(page.locator(".chat-empty")).to_contain_text("Chat with smol.")
    page.locator("#chat-temperature").fill("0")
    page.locator("#chat-max-tokens").fill("24")
    say(page, "What is the capital of France?")
    answer = page.locator(".turn.answer").first
    expect(answer.locator(".said")).to_contain_text("Paris")
    figures = answer.locator(".figures")
    words = r"first token after [\d.]+k? ms\s*[\d.]+ tokens/s\s*\d+ prompt \+ \d+ generated tokens"
    expect(figures).to_contain_text(re.compile(words))
    said = answer.locator(".said").inner_text()
    page.locator("#chat-system").fill("You are brief.")
    say(page, "And of Italy?")
    expect(page.locator(".turn")).to_have_count(4)
    assert [(one["role"], one["content"]) for one in asked[-1]["messages"]] == [
        ("system", "You are brief."),
        ("user", "What is the capital of France?"),
        ("assistant", said),
        ("user", "And of Italy?"),
    ]
    page.locator("#chat-new").click()
    expect(page.locator(".turn")).to_have_count(0)
    say(page, "Hello")
    assert [one["role"] for one in asked[-1]["messages"]] == ["system", "user"]


def test_an_answer_is_stopped(server: RunningServer, page: Page) -> None:
    page.locator("#chat-max-tokens").fill("4000")
    page.locator("#chat-temperature").fill("0")
    say(page, "Write a very long story about a town by the sea.", None)
    send = page.locator("#chat-send")
    expect(send).to_have_text("Stop")
    expect(page.locator(".turn.answer .said")).to_contain_text(re.compile(r"\w+ \w+"))
    send.click()
    expect(page.locator(".turn.answer .figures")).to_contain_text("stopped")
    expect(send).to_have_text("Send")

    def is_idle() -> bool:
        metrics = page.request.get(server.url("/metrics")).text()
        return 'grps_model_slots_in_use{model="smol-1.0.0"} 0' in metrics

    wait_until(is_idle, "the place is free")
    page.locator("#chat-max-tokens").fill("8")
    say(page, "Hello")
    expect(page.locator(".turn.answer")).to_have_count(2)


def test_tokens_of_the_model_have_probabilities(page: Page) -> None:
    page.locator("#chat-max-tokens").fill("8")
    page.locator("#chat-logprobs").check()
    say(page, "Hello")
    answer = page.locator(".turn.answer")
    tokens = answer.locator(".token")
    assert 1 <= tokens.count() <= 8
    tokens.first.hover()
    expect(answer.locator(".token-tip")).to_contain_text(re.compile(r"[\d.]+ %"))
    answer.get_by_role("button", name="Show as text").click()
    expect(tokens).to_have_count(0)
    expect(answer.locator(".said")).not_to_be_empty()


def test_the_models_figures_are_shown(page: Page) -> None:
    page.locator("#chat-max-tokens").fill("8")
    say(page, "Hello")
    show(page, "models")
    cells = page.locator("#language-table tbody td")
    expect(page.locator("#language-table tbody th")).to_have_text("smol-1.0.0")
    expect(cells.nth(0)).to_have_text("0 / 4")
    forms = [r"[\d.]+"] * 2 + [r".+ ms"] * 2 + [r"\d+ %"]
    for number, form in enumerate(forms, 2):
        expect(cells.nth(number)).to_have_text(re.compile(f"^{form}$"), timeout=10_000)
    expect(page.locator("#steps")).to_be_hidden()
    show(page, "overview")
    chart = page.locator("#charts figure", has_text="Generated tokens per second")
    expect(chart.locator("canvas")).to_have_count(1)


def test_tokens_are_described_under_the_pointer_and_by_keys(page: Page) -> None:
    others = [("Paris", -0.05), ("Rome", -3.5)]
    crab = [token("x", -2.5), token("y", -0.01)]
    for one, half in zip(crab, ([0xF0, 0x9F], [0xA6, 0x80]), strict=True):
        one["logprobs"]["content"][0]["bytes"] = half
    Script(page, events(token("Paris", -0.05, *others), token("\n", -5.0), *crab))
    page.locator("#chat-logprobs").check()
    say(page, "Hello")
    answer = page.locator(".turn.answer")
    assert answer.locator(".token").all_inner_texts() == ["Paris", "↵\n", "◌", "🦀"]
    answer.locator(".token").first.hover()
    lines = answer.locator(".token-line")
    assert lines.all_inner_texts() == ['"Paris"\n95.1 %\n-0.050', '"Rome"\n3.02 %\n-3.500']
    page.mouse.move(0, 0)
    expect(answer.locator(".token-tip")).to_be_hidden()
    answer.locator(".token-list").focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(lines).to_have_text([re.compile(r"0\.67 %")])
    page.keyboard.press("Escape")
    expect(answer.locator(".token-tip")).to_be_hidden()


def test_other_tokens_are_left_out_if_the_engine_has_none(page: Page) -> None:
    refused = (400, failure("'top_logprobs' is not supported.", "top_logprobs"))
    script = Script(page, refused, events(token("a", -1.0)), events(token("b", -1.0)))
    page.locator("#chat-logprobs").check()
    say(page, "one")
    say(page, "two")
    assert [(one["logprobs"], one.get("top_logprobs")) for one in script.asked] == [
        (True, 5),
        (True, None),
        (True, None),
    ]
    expect(page.locator(".turn.answer .note.bad").locator("visible=true")).to_have_count(0)


def test_what_the_fields_say_is_sent(page: Page) -> None:
    script = Script(page, events("a"), events("b"))
    fields = {"temperature": "0.25", "top-p": "0.9", "max-tokens": "7", "seed": "42"}
    for name, value in fields.items():
        page.locator(f"#chat-{name}").fill(value)
    page.locator("#chat-stop").fill("END\n\\n\\n")
    page.locator("#chat-example").click()
    page.locator("#chat-tool-choice").select_option("required")
    say(page, "Hello")
    sent = script.asked[0]
    [tool] = sent.pop("tools")
    assert tool["function"]["name"] == "get_weather"
    assert sent == {
        "model": "smol",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.25,
        "top_p": 0.9,
        "max_tokens": 7,
        "seed": 42,
        "stop": ["END", "\n\n"],
        "tool_choice": "required",
    }
    for name in (*fields, "stop", "tools"):
        page.locator(f"#chat-{name}").fill("")
    page.locator("#chat-new").click()
    say(page, "Hello")
    assert script.asked[1].keys() == {"model", "messages", "stream", "stream_options"}


def test_wrong_tools_are_not_sent(page: Page) -> None:
    script = Script(page)
    for tools, words in (("[{", "Tools: not valid JSON"), ('{"a": 1}', "Tools: not a list")):
        page.locator("#chat-tools").fill(tools)
        say(page, "Hello", None)
        expect(page.locator("#chat-state")).to_contain_text(words)
    assert script.asked == []
    expect(page.locator("#chat-text")).to_have_value("Hello")


def test_a_tool_is_called_and_its_result_sent(page: Page) -> None:
    script = Script(page, events(*CALLED, finish="tool_calls"), events("It is *sunny*."))
    page.locator("#chat-example").click()
    say(page, "How is the weather in Paris?", RESULTS)
    call = page.locator(".call")
    expect(call.locator(".call-name")).to_have_text("Calls get_weather")
    assert json.loads(call.locator("pre").inner_text()) == {"city": "Paris"}
    say(page, "Not yet", "Fill in the results of the calls and send them first.")
    call.locator("textarea").fill("sunny, 21 °C")
    call.locator("textarea").press("Enter")
    expect(page.locator(".turn.answer .said em")).to_have_text("sunny")
    function = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
    assert script.asked[1]["messages"][1:] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny, 21 °C"},
    ]
    expect(call.locator("textarea")).to_be_disabled()
    expect(page.get_by_role("button", name="Send the results")).to_have_count(0)


@pytest.mark.parametrize("finish", ["length", None])
def test_a_call_that_was_cut_off_waits_for_no_result(page: Page, finish: str | None) -> None:
    begun = {"index": 0, "id": "call_1", "function": {"name": "get_weather", "arguments": '{"ci'}}
    cut = events("Let me see.", {"tool_calls": [begun]}, finish=finish, done=finish is not None)
    script = Script(page, cut, events("Hello again."))
    say(page, "How is the weather?", COMPLETE if finish else FAILED)
    expect(page.locator(".call-name")).to_have_text("Calls get_weather")
    expect(page.locator(".call textarea")).to_be_hidden()
    expect(page.get_by_role("button", name="Send the results")).to_have_count(0)
    say(page, "Hello")
    assert script.asked[1]["messages"][1] == {"role": "assistant", "content": "Let me see."}


def test_another_language_keeps_the_results(page: Page) -> None:
    script = Script(page, events(*CALLED, finish="tool_calls"), events("good"))
    page.locator("#chat-example").click()
    say(page, "How is the weather in Paris?", RESULTS)
    page.locator(".call textarea").fill("sunny")
    page.locator("#language").click()
    expect(page.locator(".call textarea")).to_have_value("sunny")
    page.locator(".call textarea").press("Enter")
    expect(page.locator(".turn.answer .said").last).to_have_text("good")
    assert script.asked[1]["messages"][-1]["content"] == "sunny"


def test_reasoning_is_folded_and_nothing_of_an_answer_runs(page: Page) -> None:
    Script(
        page, events({"reasoning_content": f"Hm. {HOSTILE}"}, *HOSTILE.splitlines(keepends=True))
    )
    say(page, HOSTILE.replace("\n", " "))
    answer = page.locator(".turn.answer")
    reasoning = answer.locator(".reasoning")
    expect(reasoning.locator("p").first).to_be_hidden()
    reasoning.locator("summary").click()
    expect(reasoning.locator("p").first).to_contain_text("Hm. <script>")
    said = answer.locator(".said")
    expect(said.locator("strong")).to_have_text("bold")
    expect(said.locator("li")).to_have_text(["one", "two"])
    expect(said.locator("a")).to_have_attribute("href", "https://example.com/")
    expect(said.locator("a")).to_have_attribute("rel", "noopener noreferrer")
    expect(said).to_contain_text("<script>window.hacked = 1</script>")
    assert page.locator("#chat img, #chat script").count() == 0
    assert page.evaluate("() => window.hacked") is None


def test_an_answer_is_made_again(page: Page) -> None:
    script = Script(page, events("first"), events("second"), events("third"))
    say(page, "Hello")
    page.get_by_role("button", name="Again").click()
    expect(page.locator(".turn.answer .said")).to_have_text(["second"])
    say(page, "More")
    roles = ["user", "assistant", "user"]
    assert [[one["role"] for one in asked["messages"]] for asked in script.asked] == [
        ["user"],
        ["user"],
        roles,
    ]
    expect(page.get_by_role("button", name="Again")).to_have_count(1)


ERRORS: list[tuple[Any, str]] = [
    ((400, failure("The prompt has 9 tokens.")), "status 400: The prompt has 9 tokens."),
    ((401, failure("No key.")), "This service needs a key."),
    ((502, "<html>bad gateway</html>"), "The request failed with status 502"),
    (events("half", finish=None, done=False), "The stream ended early: the end marker is missing"),
    (f"{events('half', finish=None, done=False)}data: {failure('It broke.')}\n\n", "It broke."),
]


def test_errors_are_said_in_words(page: Page) -> None:
    for answer, words in ERRORS:
        page.unroute_all()
        script = Script(page, answer, events("good"))
        show(page, "logs")
        page.locator("#token").fill("secret-key")
        show(page, "chat")
        say(page, "Hello", FAILED)
        expect(page.locator(".turn.answer [role=alert]")).to_contain_text(words)
        say(page, "Once more")
        expect(page.locator(".turn.answer")).to_have_count(2)
        # A message without an answer is not sent again: roles must alternate.
        roles = ["user", "assistant", "user"] if isinstance(answer, str) else ["user"]
        assert [one["role"] for one in script.asked[1]["messages"]] == roles
        assert {one["authorization"] for one in script.headers} == {"Bearer secret-key"}
        page.locator("#chat-new").click()


def test_a_service_that_is_gone_is_told(server: RunningServer, browser: Browser) -> None:
    with page_of_gone(server, browser) as page:
        page.route("**/v1/chat/completions", lambda route: route.abort())
        show(page, "chat")
        page.locator("#chat-text").fill("Hello")
        page.locator("#chat-send").click()
        alert = page.locator(".turn.answer [role=alert]")
        expect(alert).to_have_text("the service can't be reached")


def test_keys_send_and_break_lines(page: Page) -> None:
    script = Script(page, events("a"))
    field = page.locator("#chat-text")
    field.fill("one")
    field.press("Shift+Enter")
    field.press_sequentially("two")
    expect(field).to_have_value("one\ntwo")
    # Enter that ends the input of a character by an input method does not send.
    pressed = "new KeyboardEvent('keydown', {key: 'Enter', isComposing: true})"
    field.evaluate(f"field => field.dispatchEvent({pressed})")
    expect(page.locator(".turn")).to_have_count(0)
    field.press("Enter")
    expect(page.locator(".turn.user .said")).to_have_text("one\ntwo", use_inner_text=True)
    assert script.asked[0]["messages"] == [{"role": "user", "content": "one\ntwo"}]
    field.press("Enter")
    expect(page.locator(".turn")).to_have_count(2)


def test_another_language_keeps_the_messages(page: Page) -> None:
    Script(page, events("good"))
    say(page, "Hello")
    page.locator("#language").click()
    expect(page.locator("#chat-title")).to_have_text("对话")
    expect(page.locator(".turn.answer .said")).to_have_text("good")
    expect(page.locator(".turn.answer .figures")).to_contain_text("提示 11 + 生成 7 token")


SCREENS: dict[str, dict[str, Any]] = {
    "wide-light": {"viewport": {"width": 1400, "height": 900}, "color_scheme": "light"},
    "phone-dark": {"viewport": {"width": 375, "height": 800}, "color_scheme": "dark"},
}


@pytest.mark.parametrize("screen", SCREENS)
def test_axe_finds_nothing(server: RunningServer, browser: Browser, screen: str) -> None:
    with page_of(server, browser, "#chat", **SCREENS[screen]) as page:
        wide = [f"a long line {'of code ' * 40}", "| a | b |\n|---|---|\n| 1 | 2 |"]
        text = f"# Title\n\n```py\n{wide[0]}\n```\n\n{wide[1]}\n\n{HOSTILE}"
        tokens = [token("a", -0.01), token("b", -0.5), token("c", -1.5), token("d", -4.0)]
        called = events(*CALLED, finish="tool_calls")
        refused = (400, failure("Refused."))
        Script(page, events({"reasoning_content": "Hm."}, text), events(*tokens), refused, called)
        expect(page.locator("#chat")).to_be_visible()
        say(page, "Hello")
        page.locator(".reasoning summary").click()
        say(page, "Tokens")
        page.locator(".token").nth(2).hover()
        say(page, "Refuse", FAILED)
        say(page, "Call", RESULTS)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
