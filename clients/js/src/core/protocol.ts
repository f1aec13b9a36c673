/** What a protocol does; HTTP and gRPC-Web are the two. */
import type { Fetch } from "../options.js";
import type { Message } from "./message.js";

/** One attempt of a call. */
export interface Attempt {
  readonly signal: AbortSignal;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds to the deadline, for the service. */
  readonly remainingMs: number | undefined;
  /** Whether the service is to write the first tensor as nested lists; exists over HTTP only. */
  readonly returnNdarray: boolean;
}

export interface Protocol {
  predict(message: Message, attempt: Attempt): Promise<Message>;
  stream(message: Message, attempt: Attempt): AsyncGenerator<Message, void, undefined>;
  /** The text about a model, or about the service if there is no name. */
  metadata(model: string | undefined, attempt: Attempt): Promise<string>;
  /** Throws what the service says if it is not live or not ready. */
  checkHealth(which: "live" | "ready", attempt: Attempt): Promise<void>;
}

export interface Connection {
  /** The address with its scheme, without a slash at the end. */
  readonly base: string;
  readonly fetch: Fetch;
  readonly maxResponseBytes: number;
}
