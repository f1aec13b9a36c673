/** GRPS over gRPC-Web, which browsers can speak and every port of a service understands. */
import { bytesOf, partsOf, secondsOf } from "../core/body.js";
import type { Message } from "../core/message.js";
import type { Attempt, Connection, Protocol } from "../core/protocol.js";
import { errorOf, type GrpsError } from "../errors.js";
import type { FetchResponse } from "../options.js";
import { framed, framesOf } from "./frames.js";
import { fromProto, type Status, toProto } from "./message.js";
import { StatusEnum } from "./schema.js";

const SERVICE = "/grps.protos.v1.GrpsService";
const TYPE = "application/grpc-web+proto";
const EMPTY: Message = { model: "", content: { kind: "none" } };
const RESOURCE_EXHAUSTED = 8;
const MAX_ERROR_BYTES = 1024 * 1024;
/** HTTP statuses of the codes of gRPC; RESOURCE_EXHAUSTED has two. */
const CODES: Readonly<Record<number, number>> = {
  1: 499,
  3: 400,
  4: 504,
  5: 404,
  6: 409,
  7: 403,
  9: 400,
  11: 400,
  12: 501,
  14: 503,
  16: 401,
};

type Find = (name: string) => string | null | undefined;

export class GrpcWebProtocol implements Protocol {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  predict(message: Message, attempt: Attempt): Promise<Message> {
    return this.#one("Predict", message, attempt);
  }

  stream(message: Message, attempt: Attempt): AsyncGenerator<Message, void, undefined> {
    return this.#call("PredictStreaming", message, attempt);
  }

  async metadata(model: string | undefined, attempt: Attempt): Promise<string> {
    const method = model === undefined ? "ServerMetadata" : "ModelMetadata";
    const request: Message =
      model === undefined ? EMPTY : { model: "", content: { kind: "text", text: model } };
    const { content } = await this.#one(method, request, attempt);
    return content.kind === "text" ? content.text : "";
  }

  async checkHealth(which: "live" | "ready", attempt: Attempt): Promise<void> {
    await this.#one(which === "live" ? "CheckLiveness" : "CheckReadiness", EMPTY, attempt);
  }

  async #one(method: string, message: Message, attempt: Attempt): Promise<Message> {
    let found = EMPTY;
    for await (const one of this.#call(method, message, attempt)) found = one;
    return found;
  }

  async *#call(
    method: string,
    message: Message,
    { headers, signal, remainingMs }: Attempt,
  ): AsyncGenerator<Message, void, undefined> {
    const all: Record<string, string> = { ...headers, "Content-Type": TYPE, Accept: TYPE };
    all["X-Grpc-Web"] = "1";
    if (remainingMs !== undefined) all["grpc-timeout"] = timeoutOf(remainingMs);
    const url = `${this.#connection.base}${SERVICE}/${method}`;
    const body = framed(toProto(message));
    const response = await this.#connection.fetch(url, {
      method: "POST",
      headers: all,
      body,
      signal,
    });
    const requestId = response.headers.get("x-request-id") ?? undefined;
    await checkHead(response, requestId);
    let isComplete = response.headers.get("grpc-status") !== null;
    for await (const frame of framesOf(partsOf(response), this.#connection.maxResponseBytes)) {
      if (frame.kind === "trailers") {
        checkTrailers((name) => frame.trailers.get(name), requestId);
        isComplete = true;
      } else {
        const [answer, status] = fromProto(frame.bytes);
        if (status.status === StatusEnum.FAILURE) throw failureIn(status, requestId);
        yield answer;
      }
    }
    if (!isComplete) throw new TypeError("the response ends without its trailers");
  }
}

/** At most eight digits. */
function timeoutOf(milliseconds: number): string {
  return milliseconds < 1e8 ? `${milliseconds}m` : `${Math.ceil(milliseconds / 1000)}S`;
}

function failureIn({ code = 500, msg = "" }: Status, requestId: string | undefined): GrpsError {
  return errorOf(code, msg, { requestId });
}

/** An error without any message is in the head. Its body is read, so that the connection stays. */
async function checkHead(response: FetchResponse, requestId: string | undefined): Promise<void> {
  const find = (name: string): string | null => response.headers.get(name);
  if (response.status === 200 && find("grpc-status") === null) return;
  const text = new TextDecoder().decode(await bytesOf(response, MAX_ERROR_BYTES));
  checkTrailers(find, requestId);
  if (response.status === 200) return;
  const retryAfter = secondsOf(find("retry-after"));
  const shown = text.slice(0, 1000) || `status ${response.status}`;
  throw errorOf(response.status, shown, { retryAfter, requestId });
}

function checkTrailers(find: Find, requestId: string | undefined): void {
  const code = Number(find("grpc-status") ?? 0);
  if (code === 0) return;
  const pushback = Number(find("grpc-retry-pushback-ms") ?? NaN);
  const retryAfter = pushback >= 0 ? pushback / 1000 : undefined;
  // A full queue names a pause; a message that is too large has none.
  const exhausted = retryAfter === undefined ? 413 : 429;
  const status = code === RESOURCE_EXHAUSTED ? exhausted : (CODES[code] ?? 500);
  const text = unescaped(find("grpc-message") ?? "") || `gRPC status ${code}`;
  throw errorOf(status, text, { retryAfter, requestId });
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
