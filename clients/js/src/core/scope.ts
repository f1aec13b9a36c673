/** The end of a call: by its timeout, by its caller, or by a connection that broke. */
import { onAbort } from "./abort.js";
import {
  CancelledError,
  ConnectionFailedError,
  DeadlineExceededError,
  GrpsError,
} from "../errors.js";

/** Codes of Node for connections that were never made. */
const NOT_CONNECTED = new Set([
  "EAI_AGAIN",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "UND_ERR_CONNECT_TIMEOUT",
]);

export class CallScope {
  readonly #controller = new AbortController();
  readonly #deadline: number | undefined;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #leave: readonly (() => void)[];
  #failure: GrpsError | undefined;

  /**
   * @param timeoutMs - 0 is no limit.
   * @param sources - The signals that cancel the call.
   */
  constructor(timeoutMs: number, sources: readonly (AbortSignal | undefined)[]) {
    if (timeoutMs > 0) {
      this.#deadline = performance.now() + timeoutMs;
      this.#timer = setTimeout(() => {
        const text = `the call did not end within ${timeoutMs} ms`;
        this.#fail(new DeadlineExceededError(text, { code: 504 }));
      }, timeoutMs);
    }
    const present = sources.filter((source) => source !== undefined);
    this.#leave = present.map((source) => {
      return onAbort(source, () => {
        this.#cancel(source.reason);
      });
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Milliseconds to the deadline, at least 1; `undefined` without a deadline. */
  get remainingMs(): number | undefined {
    if (this.#deadline === undefined) return undefined;
    return Math.max(1, Math.ceil(this.#deadline - performance.now()));
  }

  /** The error that a caller gets for what was thrown. */
  errorFor(thrown: unknown): GrpsError {
    if (this.#failure !== undefined) return this.#failure;
    if (thrown instanceof GrpsError) return thrown;
    const mayHaveRun = !isBeforeConnection(thrown);
    return new ConnectionFailedError(describe(thrown), { cause: thrown, mayHaveRun });
  }

  /** Wait, unless the call ends before. */
  async pause(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      if (this.signal.aborted) done();
      else this.signal.addEventListener("abort", done);
    });
    this.check();
  }

  /** Throw the error of a call that has ended. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Give up the timer, the signals, and the connection if it is still in use. */
  end(): void {
    clearTimeout(this.#timer);
    for (const leave of this.#leave) leave();
    this.#controller.abort();
  }

  #cancel(cause: unknown): void {
    this.#fail(new CancelledError("the call was cancelled", { code: 499, cause }));
  }

  #fail(failure: GrpsError): void {
    this.#failure ??= failure;
    this.#controller.abort(this.#failure);
  }
}

function isBeforeConnection(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (NOT_CONNECTED.has(String((error as { code?: unknown }).code))) return true;
  }
  return false;
}

function describe(thrown: unknown): string {
  const texts: string[] = [];
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const code = (error as { code?: unknown }).code;
    texts.push(error.message || String(code));
  }
  return `no answer from the service: ${texts.join(": ") || String(thrown)}`;
}
