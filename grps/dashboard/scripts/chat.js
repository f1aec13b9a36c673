// The playground of language models: a chat over `/v1/chat/completions`, as other clients have it.

const CHAT = "v1/chat/completions";
const REPAINT_MS = 40;
const MOST_LIKELY = 5;
const EXAMPLE_TOOLS = [{
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
}];

const isSendKey = (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing;

// Messages of the user, answers, and results of tools: {role: "tool", id, content}.
let turns = [];
// Answers as they are shown.
let shownAnswers = new WeakMap();
// Ends the answer that is generated; null if there is none.
let generating = null;
// Models whose engine gives no other tokens than the chosen ones.
const withoutTop = new Set();

// Offers the models that chat; there is no chat without one.
function showChatModels() {
  const names = isChatServed ? servedNow.models.filter((model) => model.language?.chats).map((model) => model.name) : [];
  const known = [...new Set(names)].sort(), select = byId("chat-model"), before = select.value;
  for (const element of [byId("chat"), byId("chat-link")]) element.hidden = !known.length;
  if (JSON.stringify([...select.options].map((option) => option.value)) === JSON.stringify(known)) return;
  select.replaceChildren(...known.map((name) => make("option", {}, name)));
  if (known.includes(before)) select.value = before;
  if (!turns.length) showTurns();
}

// Messages as the API takes them. What was not answered is left out, so that roles alternate.
function messagesOf(list, system) {
  const messages = system ? [{ role: "system", content: system }] : [];
  list.forEach((turn, index) => {
    if (turn.role === "user" && list[index + 1]?.isEmpty && !list[index + 1].isRunning) return;
    if (turn.role === "user") messages.push({ role: "user", content: turn.content });
    else if (turn.role === "tool") messages.push({ role: "tool", tool_call_id: turn.id, content: turn.content });
    else if (!turn.isEmpty) messages.push(messageOf(turn));
  });
  return messages;
}

function messageOf(answer) {
  const calls = (answer.needsResults ? answer.calls : []).map((call) => ({ id: call.id, type: "function", function: { name: call.name, arguments: call.arguments } }));
  return { role: "assistant", content: answer.content, ...(calls.length ? { tool_calls: calls } : {}) };
}

// The number in a field; undefined for an empty one.
function numberIn(id) {
  const field = byId(id), text = field.value.trim(), name = field.labels[0].firstElementChild.textContent;
  if (text === "" && !field.validity.badInput) return undefined;
  const value = Number(text);
  if (field.validity.badInput || !Number.isFinite(value)) throw new ChatError(t("bad_number", name, text || "?"));
  return value;
}

function toolsIn() {
  const text = byId("chat-tools").value.trim();
  if (!text) return undefined;
  let tools;
  try { tools = JSON.parse(text); } catch (error) { throw new ChatError(t("not_json", t("tools"), error.message)); }
  if (!Array.isArray(tools)) throw new ChatError(t("no_list", t("tools")));
  return tools.length ? tools : undefined;
}

// The request as the form says it.
function chatRequest(list) {
  const model = byId("chat-model").value, tools = toolsIn();
  const stop = byId("chat-stop").value.split("\n").filter(Boolean).map((text) => text.replaceAll("\\n", "\n"));
  const isDescribed = byId("chat-logprobs").checked;
  return {
    model,
    messages: messagesOf(list, byId("chat-system").value.trim()),
    stream: true,
    stream_options: { include_usage: true },
    temperature: numberIn("chat-temperature"),
    top_p: numberIn("chat-top-p"),
    max_tokens: numberIn("chat-max-tokens"),
    seed: numberIn("chat-seed"),
    stop: stop.length ? stop : undefined,
    tools,
    tool_choice: tools ? byId("chat-tool-choice").value : undefined,
    logprobs: isDescribed || undefined,
    top_logprobs: isDescribed && !withoutTop.has(model) ? MOST_LIKELY : undefined,
  };
}

const chatActions = {
  isLast: (answer) => turns.at(-1) === answer,
  again(answer) {
    generate(turns.slice(0, turns.indexOf(answer)));
  },
  toggleTokens(answer) {
    const shown = shownAnswers.get(answer);
    shown.asTokens = !shown.asTokens;
    refreshAnswer(shown);
  },
  sendResults(answer) {
    if (generating || turns.at(-1) !== answer || !answer.needsResults) return;
    generate([...turns, ...answer.calls.map((call) => ({ role: "tool", id: call.id, content: call.result ?? "" }))]);
  },
};

// Shows all messages.
function showTurns() {
  const rows = turns.filter((turn) => turn.role !== "tool").map((turn) => {
    if (turn.role === "user") return { key: turn, create: () => userTurn(turn) };
    const known = shownAnswers.get(turn) ?? answerTurn(turn, chatActions);
    shownAnswers.set(turn, known);
    return { key: turn, create: () => known.element, update: () => refreshAnswer(known) };
  });
  const model = byId("chat-model").value;
  const empty = { key: "empty", create: () => make("p", { class: "quiet chat-empty" }), update: (element) => { element.textContent = t("chat_empty", model); } };
  showKeyed(byId("chat-turns"), rows.length ? rows : [empty]);
  byId("chat-new").disabled = !turns.length;
}

const NEAR_END_PX = 80;

// Keeps the end in view while messages grow, unless the reader has scrolled away from it.
function keepingEnd(change) {
  const area = byId("chat-turns"), isAtEnd = area.scrollHeight - area.scrollTop - area.clientHeight < NEAR_END_PX;
  change();
  if (isAtEnd) area.scrollTop = area.scrollHeight;
}

function showChatState(text) {
  byId("chat-send").textContent = t(generating ? "stop_answer" : "send");
  byId("chat-send").classList.toggle("stopping", Boolean(generating));
  byId("chat-state").textContent = text;
}

// Asks for an answer to messages, which are those of the chat then. Returns whether the form is right.
function generate(list) {
  let body;
  try { body = chatRequest(list); } catch (error) { showChatState(error.message); return false; }
  const answer = new Answer(body.model);
  turns = [...list, answer];
  follow(answer, body);
  return true;
}

// Shows an answer while it is generated.
async function follow(answer, body) {
  generating = new AbortController();
  const { signal } = generating;
  showTurns();
  byId("chat-turns").scrollTop = byId("chat-turns").scrollHeight;
  showChatState(t("generating"));
  let isDue = false;
  const repaint = () => {
    isDue = false;
    if (turns.includes(answer)) keepingEnd(() => refreshAnswer(shownAnswers.get(answer)));
  };
  const onChange = () => { if (!isDue) { isDue = true; setTimeout(repaint, REPAINT_MS); } };
  try {
    await askFor(answer, body, signal, onChange);
  } catch (error) {
    answer.error = error.message;
  }
  if (generating?.signal === signal) generating = null;
  if (!turns.includes(answer)) return;
  keepingEnd(showTurns);
  const outcome = answer.needsResults ? "results_next" : "answered";
  showChatState(t(answer.error === null ? outcome : "not_answered"));
}

// The same without what the engine refuses.
async function askFor(answer, body, signal, onChange) {
  try {
    await streamAnswer(answer, body, signal, onChange);
  } catch (error) {
    if (error.field !== "top_logprobs" || body.top_logprobs === undefined) throw error;
    withoutTop.add(body.model);
    answer.isRunning = true;
    await streamAnswer(answer, { ...body, top_logprobs: undefined }, signal, onChange);
  }
}

function sendMessage() {
  const field = byId("chat-text"), text = field.value.trim();
  if (generating) return;
  if (turns.at(-1)?.needsResults) return showChatState(t("results_first"));
  if (!text) return;
  if (!generate([...turns, { role: "user", content: text }])) return;
  field.value = "";
  growField();
}

function stopAnswer() {
  generating?.abort();
}

function newChat() {
  stopAnswer();
  generating = null;
  turns = [];
  showTurns();
  showChatState("");
  byId("chat-text").focus();
}

// The field is as high as its text, within the limits of the style.
function growField() {
  const field = byId("chat-text");
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

// Fills in the texts of another language.
function translateChat() {
  byId("chat-text").placeholder = t("chat_hint");
  byId("chat-tools").placeholder = t("tools_hint");
  shownAnswers = new WeakMap();
  forgetKeyed(byId("chat-turns"));
  showTurns();
  showChatState("");
}

function listenToChat() {
  byId("chat-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (generating) stopAnswer();
    else sendMessage();
  });
  byId("chat-text").addEventListener("keydown", (event) => {
    if (event.key === "Escape") stopAnswer();
    if (!isSendKey(event)) return;
    event.preventDefault();
    sendMessage();
  });
  byId("chat-text").addEventListener("input", growField);
  byId("chat-new").addEventListener("click", newChat);
  byId("chat-model").addEventListener("change", () => { if (!turns.length) showTurns(); });
  byId("chat-example").addEventListener("click", () => { byId("chat-tools").value = JSON.stringify(EXAMPLE_TOOLS, null, 2); });
  byId("chat-settings").open = matchMedia("(min-width: 60rem)").matches;
}
