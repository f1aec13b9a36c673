/** GRPS over HTTP: JSON and bytes; streams are server-sent events. */
import { bytesOf, partsOf, secondsOf } from "../core/body.js";
import type { Message } from "../core/message.js";
import type { Attempt, Connection, Protocol } from "../core/protocol.js";
import { errorOf, type GrpsError } from "../errors.js";
import type { FetchResponse } from "../options.js";
import { fromJson, type JsonMessage, type JsonStatus, parse, toJson } from "./json.js";
import { eventsOf } from "./sse.js";

const ROOT = "/grps/v1";
const EVENTS = "text/event-stream";
const MAX_ERROR_BYTES = 1024 * 1024;
const TEXT = new TextDecoder();

interface Body {
  readonly type: string;
  readonly body: string | Uint8Array<ArrayBuffer>;
}

export class HttpProtocol implements Protocol {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async predict(message: Message, attempt: Attempt): Promise<Message> {
    const parameters = attempt.returnNdarray ? ["return-ndarray=true"] : [];
    const path = `/infer/predict${queryOf(message, ...parameters)}`;
    const response = await this.#post(path, bodyOf(message), {}, attempt);
    const bytes = await bytesOf(response, this.#connection.maxResponseBytes);
    if (!hasType(response, "application/json"))
      return { model: "", content: { kind: "bytes", bytes } };
    return checked(parse(TEXT.decode(bytes)), response);
  }

  async *stream(message: Message, attempt: Attempt): AsyncGenerator<Message, void, undefined> {
    const path = `/infer/predict${queryOf(message, "streaming=true")}`;
    const response = await this.#post(path, bodyOf(message), { Accept: EVENTS }, attempt);
    if (!hasType(response, EVENTS)) {
      // Code that writes its response itself chooses its type.
      for await (const bytes of partsOf(response)) {
        yield { model: "", content: { kind: "bytes", bytes } };
      }
      return;
    }
    for await (const event of eventsOf(partsOf(response), this.#connection.maxResponseBytes)) {
      yield checked(parse(event), response);
    }
  }

  async metadata(model: string | undefined, attempt: Attempt): Promise<string> {
    const path = model === undefined ? "/metadata/server" : "/metadata/model";
    const body = { type: "application/json", body: JSON.stringify({ str_data: model ?? "" }) };
    const response = await this.#post(path, body, {}, attempt);
    const bytes = await bytesOf(response, this.#connection.maxResponseBytes);
    return parse(TEXT.decode(bytes)).str_data ?? "";
  }

  async checkHealth(which: "live" | "ready", attempt: Attempt): Promise<void> {
    const body = { type: "application/json", body: "{}" };
    const response = await this.#post(`/health/${which}`, body, {}, attempt);
    await bytesOf(response, MAX_ERROR_BYTES);
  }

  async #post(
    path: string,
    { type, body }: Body,
    more: Record<string, string>,
    { headers, signal, remainingMs }: Attempt,
  ): Promise<FetchResponse> {
    const all: Record<string, string> = { ...headers, ...more, "Content-Type": type };
    if (remainingMs !== undefined) all["X-Request-Timeout-Ms"] = String(remainingMs);
    const url = `${this.#connection.base}${ROOT}${path}`;
    const response = await this.#connection.fetch(url, {
      method: "POST",
      headers: all,
      body,
      signal,
    });
    if (response.status !== 200) throw await errorIn(response);
    return response;
  }
}

/** Bytes name their model in the query, as they are the whole body. */
function queryOf({ model, content }: Message, ...parameters: string[]): string {
  if (content.kind === "bytes" && model !== "")
    parameters.push(`model=${encodeURIComponent(model)}`);
  return parameters.length === 0 ? "" : `?${parameters.join("&")}`;
}

function bodyOf(message: Message): Body {
  const { content } = message;
  if (content.kind === "bytes") {
    const body = content.bytes as Uint8Array<ArrayBuffer>;
    return { type: "application/octet-stream", body };
  }
  return { type: "application/json", body: toJson(message) };
}

function hasType(response: FetchResponse, type: string): boolean {
  return (response.headers.get("content-type") ?? "").startsWith(type);
}

function checked(json: JsonMessage, response: FetchResponse): Message {
  if (json.status?.status === "FAILURE") throw failure(500, json.status, response);
  return fromJson(json);
}

async function errorIn(response: FetchResponse): Promise<GrpsError> {
  const text = TEXT.decode(await bytesOf(response, MAX_ERROR_BYTES));
  return failure(response.status, statusIn(text), response);
}

/** What stands before a service may answer with something else than a message. */
function statusIn(text: string): JsonStatus {
  try {
    const { status } = JSON.parse(text) as JsonMessage;
    if (typeof status === "object") return status;
  } catch {
    // It is a text.
  }
  return { msg: text.trim().slice(0, 1000) };
}

function failure(code: number, status: JsonStatus, response: FetchResponse): GrpsError {
  const retryAfter = secondsOf(response.headers.get("retry-after"));
  const requestId = response.headers.get("x-request-id") ?? undefined;
  const text = status.msg !== undefined && status.msg !== "" ? status.msg : `status ${code}`;
  return errorOf(status.code ?? code, text, { retryAfter, requestId });
}
