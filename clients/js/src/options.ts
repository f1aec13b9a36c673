/** The settings of a client and of one call. */

/** What this package needs of `fetch`; the one of the platform has it. */
export type Fetch = (url: string, request: FetchRequest) => Promise<FetchResponse>;

export interface FetchRequest {
  method: "GET" | "POST";
  headers: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
  signal: AbortSignal;
}

export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: ReadableStream<Uint8Array> | null;
}

export interface RetryOptions {
  /** How often a call is repeated at most. Default: 2. */
  retries?: number;
  /** The pause before the first repetition, in milliseconds; it doubles each time. Default: 100. */
  firstPauseMs?: number;
  /** The longest pause, unless the service asks for a longer one. Default: 5000. */
  longestPauseMs?: number;
}

export interface ClientOptions {
  /** `http` uses JSON and server-sent events, `grpc-web` protobuf. Default: `http`. */
  protocol?: "http" | "grpc-web";
  /** The key or token, or a function that returns the present one. */
  key?: string | (() => string | Promise<string>);
  /** The time that a call may take with its repetitions; 0 is no limit. Default: 60000. */
  timeoutMs?: number;
  retry?: RetryOptions;
  /** Calls that run at once; others wait. Node opens a connection for each. Default: 64. */
  maxConcurrency?: number;
  /** The largest response, or piece of a stream, in bytes. Default: 64 MiB. */
  maxResponseBytes?: number;
  /** Headers of every call. */
  headers?: Readonly<Record<string, string>>;
  /** Another `fetch`, such as one with an authority of your own. Default: the global one. */
  fetch?: Fetch;
}

export interface CallOptions {
  /** The model, `name-version` or `name`. Default: the default graph of the service. */
  model?: string;
  /**
   * The time that the call may take with its repetitions; 0 is no limit. Default: that of the client.
   * A stream has a limit only if this is set.
   */
  timeoutMs?: number;
  /** Cancels the call; the service then cancels the model. */
  signal?: AbortSignal;
  /** The trace of the caller, as W3C's `traceparent`. Default: that of OpenTelemetry, if it is used. */
  traceparent?: string;
  /** The id under which the log of the service has the call. */
  requestId?: string;
  /** More headers, such as `X-Grps-Priority`. */
  headers?: Readonly<Record<string, string>>;
  /** Let the service write its first tensor as nested lists; over HTTP, and not for streams. */
  returnNdarray?: boolean;
  /** Whether the call may be repeated even if the model may have run. Default: false. */
  safeToRepeat?: boolean;
}
