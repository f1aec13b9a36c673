// The tokens of an answer with their probabilities: coloured, and described under the pointer.

const SURE = [[0.9, "likely"], [0.5, "probable"], [0.1, "doubtful"], [0, "unlikely"]];
const probability = (logprob) => Math.exp(Math.min(0, logprob));
const percentage = (share) => `${(100 * share).toFixed(share > 0.0995 ? 1 : 2)} %`;

// Adds the tokens that are not shown yet.
function showTokens(area, tokens) {
  if (!area.tokens) {
    area.replaceChildren();
    Object.assign(area, { tokens: true, decoder: new TextDecoder(), tip: make("div", { class: "token-tip", role: "status", hidden: true }), at: -1 });
    area.append(make("div", { class: "token-list", tabindex: "0", role: "group", "aria-label": t("tokens_label") }), area.tip);
    listenToTokens(area);
  }
  const [list] = area.children;
  list.tokens = tokens;
  for (const token of tokens.slice(list.children.length)) list.append(tokenSpan(token, area.decoder));
}

// Forgets the tokens of an area, which shows something else next.
function hideTokens(area) {
  delete area.tokens;
  area.replaceChildren();
}

// A character that has several tokens is in the span of its last one.
function tokenSpan(token, decoder) {
  const text = decoder.decode(Uint8Array.from(token.bytes ?? []), { stream: true });
  const [, kind] = SURE.find(([least]) => probability(token.logprob) >= least);
  return make("span", { class: `token ${kind}` }, text === "" ? "◌" : text.replaceAll("\n", "↵\n"));
}

function listenToTokens(area) {
  const [list] = area.children;
  const leave = () => tellToken(area, -1);
  list.onpointerover = (event) => { if (event.target !== list) tellToken(area, [...list.children].indexOf(event.target)); };
  list.onpointerleave = leave;
  list.onblur = leave;
  list.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") leave();
    if (!step) return;
    event.preventDefault();
    tellToken(area, Math.max(0, Math.min(list.children.length - 1, area.at + step)));
  };
}

// Describes one token beside it; -1 for none.
function tellToken(area, at) {
  const [list] = area.children, { tip } = area;
  list.children[area.at]?.classList.remove("chosen");
  area.at = at;
  const token = list.tokens[at], span = list.children[at];
  tip.hidden = !token;
  if (!token) return;
  span.classList.add("chosen");
  tip.replaceChildren(...tokenWords(token));
  const box = span.getClientRects()[0], around = area.getBoundingClientRect();
  tip.style.top = `${box.bottom - around.top + 4}px`;
  tip.style.left = `${Math.max(0, Math.min(box.left - around.left, around.width - tip.offsetWidth))}px`;
}

function tokenWords(token) {
  const line = ({ token: text, logprob }, kind) => make("div", { class: kind }, make("code", {}, JSON.stringify(text)), make("span", {}, percentage(probability(logprob))), make("span", { class: "quiet" }, logprob.toFixed(3)));
  const others = (token.top_logprobs ?? []).filter((one) => one.token !== token.token);
  return [line(token, "token-line"), ...others.map((one) => line(one, "token-line alternative"))];
}
