/** The client. */
import { onAbort } from "./core/abort.js";
import { Gate } from "./core/gate.js";
import { mapInOrder } from "./core/map.js";
import type { Message } from "./core/message.js";
import type { Attempt, Connection, Protocol } from "./core/protocol.js";
import { Retries } from "./core/retry.js";
import { CallScope } from "./core/scope.js";
import { traceHeaders } from "./core/trace.js";
import { UnauthenticatedError, UnavailableError } from "./errors.js";
import { GrpcWebProtocol } from "./grpc/protocol.js";
import { HttpProtocol } from "./http/protocol.js";
import { contentOf, type Inputs } from "./inputs.js";
import type { CallOptions, ClientOptions } from "./options.js";
import { Result } from "./result.js";
import { ResultStream } from "./stream.js";

const MIB = 1024 * 1024;

/** A service. Calls may overlap; connections are those of `fetch`, which keeps them. */
export class Client {
  readonly #protocol: Protocol;
  readonly #options: ClientOptions;
  readonly #retries: Retries;
  readonly #gate: Gate;
  readonly #closing = new AbortController();

  /**
   * @param address - `host:port`, or a URL with `http://` or `https://`.
   * @param options - How calls are made.
   */
  constructor(address: string, options: ClientOptions = {}) {
    const connection: Connection = {
      base: baseOf(address),
      fetch: options.fetch ?? ((url, request) => fetch(url, request)),
      maxResponseBytes: options.maxResponseBytes ?? 64 * MIB,
    };
    const protocol = options.protocol ?? "http";
    if (!["http", "grpc-web"].includes(protocol)) {
      throw new TypeError(`protocol '${protocol}': use http or grpc-web`);
    }
    this.#protocol =
      protocol === "grpc-web" ? new GrpcWebProtocol(connection) : new HttpProtocol(connection);
    this.#options = options;
    this.#retries = new Retries(options.retry);
    this.#gate = new Gate(options.maxConcurrency ?? 64);
  }

  /** Call a model once. */
  async predict(inputs: Inputs, options: CallOptions = {}): Promise<Result> {
    const message = await messageOf(inputs, options);
    return this.#call(options, async (attempt) => {
      return new Result(await this.#protocol.predict(message, attempt));
    });
  }

  /** Call a model that answers in pieces. The call begins with the first piece that is asked for. */
  stream(inputs: Inputs, options: CallOptions = {}): ResultStream {
    const closing = new AbortController();
    return new ResultStream(this.#pieces(inputs, options, closing.signal), closing);
  }

  /**
   * Call a model for each of many inputs; the results come in the order of the inputs. The first
   * error ends all calls.
   *
   * @param options - `concurrency` is how many calls run at once, 8 by default.
   */
  map(
    inputs: Iterable<Inputs> | AsyncIterable<Inputs>,
    options: CallOptions & { concurrency?: number } = {},
  ): AsyncGenerator<Result, void, undefined> {
    const { concurrency = 8, signal, ...each } = options;
    const stopping = new AbortController();
    const stop = (): void => {
      stopping.abort(signal?.reason);
    };
    const leave = signal === undefined ? undefined : onAbort(signal, stop);
    const call = (one: Inputs): Promise<Result> => {
      return this.predict(one, { ...each, signal: stopping.signal });
    };
    const end = (): void => {
      leave?.();
      stop();
    };
    return mapInOrder(inputs, concurrency, call, end);
  }

  /** What the service says of a model, or of itself without a name, as YAML. */
  metadata(model?: string, options: CallOptions = {}): Promise<string> {
    return this.#call(options, (attempt) => this.#protocol.metadata(model, attempt));
  }

  /** Whether the service answers calls of its models. */
  isReady(options: CallOptions = {}): Promise<boolean> {
    return this.#isHealthy("ready", options);
  }

  /** Whether the service runs, its models loaded or not. */
  isLive(options: CallOptions = {}): Promise<boolean> {
    return this.#isHealthy("live", options);
  }

  /** Cancel all calls; later ones are cancelled at once. */
  close(): void {
    this.#closing.abort();
  }

  async #isHealthy(which: "live" | "ready", options: CallOptions): Promise<boolean> {
    const scope = this.#scope(options.timeoutMs ?? this.#defaultTimeoutMs, [options.signal]);
    try {
      await this.#protocol.checkHealth(which, await this.#attempt(options, scope));
      return true;
    } catch (thrown) {
      const error = scope.errorFor(thrown);
      if (error instanceof UnavailableError) return false;
      throw error;
    } finally {
      scope.end();
    }
  }

  async #call<R>(options: CallOptions, run: (attempt: Attempt) => Promise<R>): Promise<R> {
    const scope = this.#scope(options.timeoutMs ?? this.#defaultTimeoutMs, [options.signal]);
    try {
      await this.#gate.enter(scope);
      try {
        for (let made = 0; ; made += 1) {
          try {
            return await run(await this.#attempt(options, scope));
          } catch (thrown) {
            const isSafe = options.safeToRepeat ?? false;
            await this.#retries.next(scope.errorFor(thrown), made, scope, isSafe);
          }
        }
      } finally {
        this.#gate.leave();
      }
    } finally {
      scope.end();
    }
  }

  async *#pieces(
    inputs: Inputs,
    options: CallOptions,
    closing: AbortSignal,
  ): AsyncGenerator<Result, void, undefined> {
    const scope = this.#scope(options.timeoutMs ?? 0, [options.signal, closing]);
    try {
      const message = await messageOf(inputs, options);
      await this.#gate.enter(scope);
      try {
        yield* this.#attempts(message, options, scope);
      } finally {
        this.#gate.leave();
      }
    } finally {
      scope.end();
    }
  }

  /** A stream is repeated only before its first piece. */
  async *#attempts(
    message: Message,
    options: CallOptions,
    scope: CallScope,
  ): AsyncGenerator<Result, void, undefined> {
    let hasBegun = false;
    for (let made = 0; ; made += 1) {
      try {
        for await (const piece of this.#protocol.stream(
          message,
          await this.#attempt(options, scope),
        )) {
          hasBegun = true;
          yield new Result(piece);
        }
        return;
      } catch (thrown) {
        const error = scope.errorFor(thrown);
        if (hasBegun) throw error;
        await this.#retries.next(error, made, scope, options.safeToRepeat ?? false);
      }
    }
  }

  async #attempt(options: CallOptions, scope: CallScope): Promise<Attempt> {
    const headers: Record<string, string> = { ...traceHeaders() };
    const present = await this.#key();
    if (present !== undefined) headers.Authorization = `Bearer ${present}`;
    if (options.traceparent !== undefined) headers.traceparent = options.traceparent;
    if (options.requestId !== undefined) headers["X-Request-Id"] = options.requestId;
    Object.assign(headers, this.#options.headers, options.headers);
    scope.check();
    const { signal, remainingMs } = scope;
    return { headers, signal, remainingMs, returnNdarray: options.returnNdarray ?? false };
  }

  async #key(): Promise<string | undefined> {
    const { key } = this.#options;
    if (typeof key !== "function") return key;
    try {
      return await key();
    } catch (cause) {
      const text = "the function that returns the key failed";
      throw new UnauthenticatedError(text, { code: 401, mayHaveRun: false, cause });
    }
  }

  #scope(timeoutMs: number, signals: readonly (AbortSignal | undefined)[]): CallScope {
    return new CallScope(timeoutMs, [...signals, this.#closing.signal]);
  }

  get #defaultTimeoutMs(): number {
    return this.#options.timeoutMs ?? 60_000;
  }
}

async function messageOf(inputs: Inputs, options: CallOptions): Promise<Message> {
  if (typeof options !== "object") {
    throw new TypeError(`options '${String(options)}': use an object, such as { model: "name" }`);
  }
  const { model = "" } = options;
  return { model, content: await contentOf(inputs) };
}

function baseOf(address: string): string {
  const url = /^https?:\/\//.test(address) ? address : `http://${address}`;
  return url.replace(/\/+$/, "");
}
