// What the playground shows of a response: the whole of it, its chunks, or why it failed.

const MOST_SHOWN = 20000;
// The request that runs; another one ends it.
let running = null;

async function ask(event) {
  event.preventDefault();
  running?.abort();
  const own = running = new AbortController();
  const shown = byId("answer-shown");
  byId("answer").hidden = false;
  byId("answer-bars").replaceChildren();
  byId("took").textContent = "";
  shown.replaceChildren();
  try {
    const request = readRequest(), started = performance.now();
    const response = await send(request, own.signal);
    const detail = await showAnswer(response, shown);
    if (own !== running) return;
    byId("took").textContent = [response.status, t("took", number(performance.now() - started)), detail, response.headers.get("X-Request-Id")].filter(Boolean).join(" · ");
    showTiming(response.headers.get("X-Grps-Timing"));
  } catch (error) {
    if (own === running) showFault(shown, error.message);
  }
}

async function send({ path, type, body }, signal) {
  try {
    return await fetch(path, { method: "POST", headers: { ...keyHeaders(), "Content-Type": type, "X-Grps-Timing": "true" }, body, signal });
  } catch { throw new Error(t("no_connection")); }
}

const showFault = (shown, text) => shown.append(make("p", { class: "note bad error", role: "alert" }, text));
const cut = (text) => (text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)} …` : text);

// The status of a message that reports a failure; null for any other.
function failureIn(message) {
  const status = message?.status;
  return status && (status.status === "FAILURE" || status.code >= 400) ? status : null;
}

function asJson(text) {
  try { return JSON.parse(text); } catch { return null; }
}

async function showAnswer(response, shown) {
  const type = response.headers.get("Content-Type") ?? "";
  if (byId("ask-streaming").checked && response.ok) return showChunks(response, shown);
  if (response.ok && type.startsWith("application/octet-stream")) {
    const blob = await response.blob(), start = new Uint8Array(await blob.slice(0, 4).arrayBuffer());
    const isPicture = (start[0] === 0x89 && start[1] === 0x50) || (start[0] === 0xff && start[1] === 0xd8);
    if (isPicture) shown.append(make("img", { src: URL.createObjectURL(blob), alt: t("answer") }));
    else shown.append(make("pre", { tabindex: "0" }, `${blob.size} B`), make("a", { href: URL.createObjectURL(blob), download: "answer.bin" }, "answer.bin"));
    return "";
  }
  const text = await response.text(), message = asJson(text), failure = failureIn(message);
  if (failure || !response.ok) showFault(shown, t("failed_response", response.status, failure?.msg ?? (message === null ? cut(text) : response.statusText)));
  shown.append(make("pre", { tabindex: "0" }, cut(message === null ? text : JSON.stringify(message, null, 1))));
  return "";
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

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function asCurl() {
  const { path, type, body, file } = readRequest(), url = new URL(path, location.href);
  return `curl ${quoted(String(url))} -H ${quoted(`Content-Type: ${type}`)} ${file ? `--data-binary ${quoted(`@${file}`)}` : `-d ${quoted(body)}`}`;
}

function asPython() {
  const { path, type, body, file } = readRequest(), url = new URL(path, location.href);
  const data = file ? `open(${JSON.stringify(file)}, "rb")` : `${JSON.stringify(body)}.encode()`;
  return ["import requests", "", "answer = requests.post(", `    ${JSON.stringify(String(url))},`, `    data=${data},`, `    headers={"Content-Type": ${JSON.stringify(type)}},`, ")", "print(answer.status_code, answer.text)"].join("\n");
}

async function copy(write) {
  try {
    const text = write();
    try { await navigator.clipboard.writeText(text); } catch { /* shown below, to be copied by hand */ }
    byId("answer").hidden = false;
    byId("answer-bars").replaceChildren();
    byId("answer-shown").replaceChildren(make("pre", { tabindex: "0" }, text));
    byId("took").textContent = t("copied");
  } catch (error) {
    byId("took").textContent = error.message;
  }
}
