// The messages of a chat as they are shown.

// Replaces the children of an element that differ from nodes; those before them stay as they are.
function showChanged(parent, nodes) {
  let same = 0;
  while (same < nodes.length && parent.childNodes[same]?.isEqualNode(nodes[same])) same += 1;
  while (parent.childNodes.length > same) parent.lastChild.remove();
  for (const node of nodes.slice(same)) parent.append(node);
}

function userTurn(turn) {
  return make("article", { class: "turn user" }, make("h3", { class: "who" }, t("you")), make("div", { class: "said" }, turn.content));
}

// The parts of an answer that stay while it grows.
function answerTurn(answer, actions) {
  const parts = {
    reasoning: make("details", { class: "reasoning" }, make("summary", {}, t("reasoning")), make("div", {})),
    text: make("div", { class: "said markdown" }),
    calls: make("div", { class: "calls" }),
    error: make("p", { class: "note bad", role: "alert", hidden: true }),
    figures: make("div", { class: "figures quiet" }),
  };
  const element = make("article", { class: "turn answer" }, make("h3", { class: "who" }, answer.model), ...Object.values(parts));
  const shown = { element, answer, parts, actions, asTokens: true };
  refreshAnswer(shown);
  return shown;
}

// Brings an answer up to date.
function refreshAnswer(shown) {
  const { element, answer, parts } = shown;
  element.setAttribute("aria-busy", String(answer.isRunning));
  parts.reasoning.hidden = !answer.reasoning;
  showChanged(parts.reasoning.lastChild, answer.reasoning ? markdown(answer.reasoning) : []);
  const asTokens = answer.tokens.length > 0 && shown.asTokens;
  parts.text.classList.toggle("tokens", asTokens);
  if (!asTokens && parts.text.tokens) hideTokens(parts.text);
  if (asTokens) showTokens(parts.text, answer.tokens);
  else showChanged(parts.text, answer.content ? markdown(answer.content) : waitingNodes(answer));
  showCalls(shown);
  parts.error.hidden = answer.error === null;
  parts.error.textContent = answer.error ?? "";
  parts.figures.replaceChildren(...figures(answer), ...buttons(shown));
}

function waitingNodes(answer) {
  const isWaiting = answer.isRunning && !answer.calls.length && !answer.reasoning;
  return isWaiting ? [make("span", { class: "typing", role: "img", "aria-label": t("generating") }, make("i"), make("i"), make("i"))] : [];
}

// What an answer took, in words.
function figures(answer) {
  const { usage } = answer, facts = [];
  if (answer.timeToFirst !== null) facts.push(t("ttft", number(answer.timeToFirst)));
  if (answer.rate !== null && !answer.isRunning) facts.push(t("tokens_per_second", number(answer.rate)));
  if (usage) facts.push(t("usage", usage.prompt_tokens, usage.completion_tokens));
  if (CUT_OFF.includes(answer.finish)) facts.push(t(`finish_${answer.finish}`));
  return facts.map((text) => make("span", {}, text));
}

function buttons({ answer, parts, actions, ...shown }) {
  if (answer.isRunning) return [];
  const made = [];
  const add = (key, onclick) => { const button = make("button", { type: "button", class: "small", onclick: () => onclick(button) }, t(key)); made.push(button); };
  if (answer.content) add("copy", (button) => copyText(answer.content, button));
  if (answer.tokens.length) add(parts.text.classList.contains("tokens") ? "as_text" : "as_tokens", () => actions.toggleTokens(answer));
  if (actions.isLast(answer)) add("again", () => actions.again(answer));
  return made;
}

// Calls of tools, with a field for the result of each.
function showCalls(shown) {
  const { answer, parts, actions } = shown;
  const rows = answer.calls.filter(Boolean).map((call, index) => ({
    key: index,
    create: () => callCard(call, () => actions.sendResults(answer)),
    update: (card) => updateCard(card, call, answer, actions),
  }));
  if (answer.needsResults && actions.isLast(answer)) {
    rows.push({ key: "send", create: () => make("button", { type: "button", class: "main", onclick: () => actions.sendResults(answer) }, t("send_results")), update: (button) => { button.disabled = answer.isRunning; } });
  }
  showKeyed(parts.calls, rows);
}

function callCard(call, send) {
  const field = make("textarea", { rows: "2", spellcheck: "false", placeholder: t("result_hint"), oninput: () => { call.result = field.value; } });
  // The card may be made again, in another language.
  field.value = call.result ?? "";
  field.addEventListener("keydown", (event) => { if (isSendKey(event)) { event.preventDefault(); send(); } });
  return make("div", { class: "call" }, make("div", { class: "call-name" }), make("pre", { tabindex: "0" }), make("label", {}, make("span", { class: "quiet" }, t("result")), field));
}

function updateCard(card, call, answer, actions) {
  const [name, given, label] = card.children, field = label.querySelector("textarea");
  name.textContent = t("calls_tool", call.name);
  given.textContent = pretty(call.arguments);
  label.hidden = answer.isRunning || !answer.needsResults || (call.result === null && !actions.isLast(answer));
  field.disabled = !actions.isLast(answer);
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}
