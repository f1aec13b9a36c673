/** Which calls are repeated, and when. */
import {
  ConnectionFailedError,
  type GrpsError,
  TooManyRequestsError,
  UnavailableError,
} from "../errors.js";
import type { RetryOptions } from "../options.js";
import type { CallScope } from "./scope.js";

export class Retries {
  readonly #most: number;
  readonly #firstPauseMs: number;
  readonly #longestPauseMs: number;

  constructor(options: RetryOptions = {}) {
    this.#most = options.retries ?? 2;
    this.#firstPauseMs = options.firstPauseMs ?? 100;
    this.#longestPauseMs = options.longestPauseMs ?? 5000;
  }

  /**
   * Wait before the next attempt.
   *
   * @param made - Repetitions so far.
   * @throws The error, if the call is not to be repeated.
   */
  async next(error: GrpsError, made: number, scope: CallScope, isSafe: boolean): Promise<void> {
    if (made >= this.#most || !isPassing(error) || (error.mayHaveRun && !isSafe)) throw error;
    const pauseMs = this.pauseMs(error.retryAfter, made);
    if (pauseMs >= (scope.remainingMs ?? Infinity)) throw error;
    await scope.pause(pauseMs);
  }

  /** What the service asked for and up to a tenth more, or a random part of a doubling pause. */
  pauseMs(retryAfter: number | undefined, made: number): number {
    if (retryAfter !== undefined) return retryAfter * 1000 * (1 + Math.random() / 10);
    const longest = Math.min(this.#longestPauseMs, this.#firstPauseMs * 2 ** made);
    return longest * (0.5 + Math.random() / 2);
  }
}

function isPassing(error: GrpsError): boolean {
  return (
    error instanceof TooManyRequestsError ||
    error instanceof UnavailableError ||
    error instanceof ConnectionFailedError
  );
}
