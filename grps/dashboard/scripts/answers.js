// What the playground shows of a response: the whole of it, its chunks, or why it failed.

const MOST_SHOWN = 20000;
// The request that runs; another one ends it.
let running = null;

async function ask(event) {
  event.preventDefault();
  running?.abort();
  const own = running = new AbortController();
  // What an earlier request still shows goes into its own element, which is no part of the page any more.
  const shown = make("div");
  forgetBlobs("answer");
  byId("answer").hidden = false;
  byId("answer-bars").replaceChildren();
  byId("took").textContent = t("waiting_response");
  byId("answer-shown").replaceChildren(shown);
  try {
    const request = readRequest(), started = performance.now();
    const response = await send(request, own.signal);
    const detail = await showAnswer(request, response, shown);
    if (own !== running) return;
    showTaken(response, performance.now() - started, detail);
    showTiming(response.headers.get("X-Grps-Timing"));
  } catch (error) {
    if (own !== running) return;
    byId("took").textContent = "";
    showFault(shown, error.message, error.advice);
  }
}

// Shows the status of a response, how long it took here and in the service, and its id.
function showTaken(response, elapsed, detail) {
  const inService = /total;start=0;dur=([\d.]+)/.exec(response.headers.get("X-Grps-Timing") ?? "")?.[1];
  const status = make("b", { class: response.ok ? "good-text" : "bad-text" }, String(response.status));
  const parts = [t("took", number(elapsed)), inService && t("in_service", number(Number(inService))), detail, response.headers.get("X-Request-Id")];
  byId("took").replaceChildren(status, ...parts.filter(Boolean).map((part) => ` · ${part}`));
}

async function send({ path, type, body }, signal) {
  try {
    return await fetch(path, { method: "POST", headers: { ...keyHeaders(), "Content-Type": type, "X-Grps-Timing": "true" }, body, signal });
  } catch { throw Object.assign(new Error(t("no_connection")), { advice: t("advice_no_connection") }); }
}

// Shows what went wrong, and what to do about it.
function showFault(shown, text, advice = "") {
  shown.append(make("p", { class: "note bad error", role: "alert" }, text));
  if (advice) shown.append(make("p", { class: "advice-line" }, `→ ${advice}`));
}

// Statuses with the same advice as another one.
const LIKE = { 408: 504, 422: 400, 405: 404, 499: 504, 501: 400, 502: 503 };

function adviceFor(response) {
  const status = LIKE[response.status] ?? response.status, key = `advice_${status}`;
  const wait = response.headers.get("Retry-After");
  return [key in TEXTS.en ? t(key, response.headers.get("X-Request-Id") ?? "") : "", /^\d+$/.test(wait ?? "") ? t("retry_after", wait) : ""].filter(Boolean).join(t("gap"));
}

const cut = (text) => (text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)} …` : text);

// The status of a message that reports a failure; null for any other.
function failureIn(message) {
  const status = message?.status;
  return status && (status.status === "FAILURE" || status.code >= 400) ? status : null;
}

function asJson(text) {
  try { return JSON.parse(text); } catch { return null; }
}

const isText = (type) => !type || /^text\/|json|xml/.test(type);

async function showAnswer({ model, isStreaming }, response, shown) {
  const type = response.headers.get("Content-Type") ?? "";
  if (isStreaming && response.ok) return showChunks(response, shown);
  if (response.ok && !isText(type)) {
    shown.append(bytesElement(new Uint8Array(await response.arrayBuffer()), "answer", type.split(";")[0]));
    return "";
  }
  const text = await response.text(), message = asJson(text), failure = failureIn(message);
  if (failure || !response.ok) showFault(shown, t("failed_response", response.status, failure?.msg ?? (message === null ? cut(text) : response.statusText)), adviceFor(response));
  if (response.status === 500) shown.append(make("p", {}, viewLink("logs", "its_log", { filter: response.headers.get("X-Request-Id") })));
  const found = failure || message === null ? [] : messageElements(message, model);
  shown.append(...found, rawResponse(message === null ? text : indented(message), text.length, !found.length && response.ok && !failure));
  return "";
}

// JSON in lines, with lists of numbers in one line each.
function indented(message) {
  return JSON.stringify(message, null, 1).replace(/\[\s+([^[\]{}"]*?)\s+\]/g, (_, list) => `[${list.replace(/\s+/g, " ")}]`);
}

// The response as it came, one click away; open where nothing else shows it.
function rawResponse(text, size, isOpen) {
  const copied = make("button", { type: "button", class: "small", onclick: () => copyText(text, copied) }, t("copy"));
  return make("details", { class: "raw", open: isOpen }, make("summary", {}, t("raw_size", bytes(size))), copied, make("pre", { tabindex: "0" }, cut(text)));
}

// Splits a stream of JSON objects, with or without lines between them, where each object ends.
class ChunkSplitter {
  constructor() { Object.assign(this, { rest: "", at: 0, depth: 0, isText: false, isEscaped: false }); }

  // The objects that are complete with this piece.
  add(piece) {
    const complete = [];
    this.rest += piece;
    for (; this.at < this.rest.length; this.at += 1) {
      const sign = this.rest[this.at];
      if (this.isText) {
        if (this.isEscaped) this.isEscaped = false;
        else if (sign === "\\") this.isEscaped = true;
        else if (sign === '"') this.isText = false;
      } else if (sign === '"') this.isText = this.depth > 0;
      else if (sign === "{" || sign === "[") this.depth += 1;
      else if ((sign === "}" || sign === "]") && this.depth > 0 && (this.depth -= 1) === 0) {
        complete.push(this.rest.slice(0, this.at + 1).trim());
        this.rest = this.rest.slice(this.at + 1);
        this.at = -1;
      }
    }
    return complete;
  }
}

// Shows each chunk as it arrives: objects of JSON apart, anything else as the text that it is.
async function showChunks(response, shown) {
  const list = make("pre", { tabindex: "0", class: "chunks" }), splitter = new ChunkSplitter();
  const isJson = /json/.test(response.headers.get("Content-Type") ?? "");
  let count = 0, pieces = "", fault = null, isWhole = null;
  const show = (text) => { count += 1; list.append(make("span", { class: "chunk" }, `${text}\n`)); fault ??= failureIn(asJson(text)); };
  shown.append(list);
  try {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      isWhole ??= isJson || piece.value.trimStart().startsWith("{");
      if (isWhole) splitter.add(piece.value).forEach(show);
      else if (pieces.length < MOST_SHOWN) { count += 1; pieces += piece.value; list.append(piece.value); }
    }
  } catch (error) { showFault(shown, t("cut_stream", error.message)); }
  if (splitter.rest.trim()) show(cut(splitter.rest));
  if (!count) showFault(shown, t("no_chunks"));
  if (fault) showFault(shown, t("failed_response", fault.code, fault.msg));
  return t("chunk_count", count);
}

// Reads the header of an answer that tells its steps.
function showTiming(header) {
  if (!header) return;
  const bars = header.split(", ").map((part) => {
    const [name, ...fields] = part.split(";");
    const values = Object.fromEntries(fields.map((field) => field.split("=")));
    return { name, start_ms: Number(values.start), length_ms: Number(values.dur), requests: Number(values.requests ?? 0), rows: Number(values.rows ?? 0), small: values.small };
  });
  const total = bars.pop();
  byId("answer-bars").replaceChildren(waterfall(bars, total.length_ms));
}
