// The answer to a chat, read from a stream of events.

const DONE = "[DONE]";
// How an answer ends before its own end.
const CUT_OFF = ["length", "stopped"];

// Yields the data of each event as it comes.
async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      const events = (rest + piece.value).replace(/\r\n/g, "\n").split("\n\n");
      rest = events.pop();
      for (const event of events) {
        const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
        if (data.length) yield data.join("\n");
      }
    }
  } finally {
    // Whoever stops reading leaves the service nothing to wait for.
    reader.cancel().catch(() => {});
  }
}

// What went wrong, in words: the API's own, or the status.
class ChatError extends Error {
  constructor(message, field = null) {
    super(message);
    this.field = field;
  }
}

async function chatErrorOf(response) {
  if (response.status === 401) return new ChatError(t("needs_key"));
  let error = null;
  try { ({ error } = await response.json()); } catch { /* a proxy answers in its own words */ }
  const text = typeof error?.message === "string" ? error.message : "–";
  return new ChatError(t("failed_response", response.status, text), error?.param ?? null);
}

// An answer while it is generated and after: one choice of `/v1/chat/completions`.
class Answer {
  role = "assistant";
  content = "";
  reasoning = "";
  // Calls of tools: {id, name, arguments, result}; the result is null until someone types it.
  calls = [];
  // Tokens with their log-probabilities, if they were asked for.
  tokens = [];
  usage = null;
  finish = null;
  // In words, or null.
  error = null;
  isRunning = true;
  // Moments in milliseconds: of the request, of the first and of the latest piece.
  sent = performance.now();
  first = null;
  last = null;

  constructor(model) { this.model = model; }

  take(chunk) {
    if (chunk.error) throw new ChatError(chunk.error.message);
    if (chunk.usage) this.usage = chunk.usage;
    const choice = chunk.choices?.[0];
    if (!choice) return;
    const { delta } = choice;
    this.tokens.push(...(choice.logprobs?.content ?? []));
    if (choice.finish_reason) this.finish = choice.finish_reason;
    this.content += delta.content ?? "";
    this.reasoning += delta.reasoning_content ?? "";
    for (const call of delta.tool_calls ?? []) this.takeCall(call);
    if (!delta.content && !delta.reasoning_content && !delta.tool_calls && !choice.logprobs) return;
    this.last = performance.now();
    this.first ??= this.last;
  }

  takeCall({ index, id, function: called }) {
    const call = (this.calls[index] ??= { id: "", name: "", arguments: "", result: null });
    if (id) call.id = id;
    call.name += called?.name ?? "";
    call.arguments += called?.arguments ?? "";
  }

  // Whether there is anything of it that the next request may repeat.
  get isEmpty() { return !this.content && !this.needsResults; }

  // Whether it calls tools whose results come next. A call of an answer that was cut off is not whole.
  get needsResults() { return this.calls.length > 0 && this.error === null && !CUT_OFF.includes(this.finish); }

  get timeToFirst() { return this.first === null ? null : this.first - this.sent; }

  // Tokens that were generated: by the service's count, else by those that were described.
  get generated() { return this.usage?.completion_tokens ?? (this.tokens.length || null); }

  // Tokens per second after the first one; null if there are too few.
  get rate() {
    const seconds = (this.last - this.first) / 1000;
    return this.generated > 1 && seconds > 0 ? (this.generated - 1) / seconds : null;
  }
}

// Asks for an answer, and calls `onChange` after each piece of it. The answer has ended when this
// returns, whatever became of it; an abort by `signal` is no error.
async function streamAnswer(answer, body, signal, onChange) {
  try {
    const headers = { ...keyHeaders(), "Content-Type": "application/json" };
    const request = { method: "POST", headers, body: JSON.stringify(body), signal, cache: "no-store" };
    const response = await fetch(CHAT, request).catch(() => { throw new ChatError(t("no_connection")); });
    if (!response.ok) throw await chatErrorOf(response);
    let isDone = false;
    for await (const data of eventsOf(response)) {
      isDone = data === DONE;
      if (!isDone) answer.take(JSON.parse(data));
      onChange();
    }
    if (!isDone) throw new ChatError(t("cut_stream", t("no_done")));
  } catch (error) {
    if (signal.aborted) answer.finish = "stopped";
    else if (error instanceof ChatError) throw error;
    else throw new ChatError(t("cut_stream", error.message));
  } finally {
    answer.isRunning = false;
  }
}
