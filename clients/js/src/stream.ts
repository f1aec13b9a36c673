/** The pieces of a streaming call. */
import { CancelledError } from "./errors.js";
import type { Result } from "./result.js";

/** Pieces as they arrive. Leaving the loop, or `close`, cancels the call. */
export class ResultStream implements AsyncIterableIterator<Result, void, undefined> {
  readonly #pieces: AsyncGenerator<Result, void, undefined>;
  readonly #closing: AbortController;

  /**
   * @param pieces - The call; it begins with the first piece that is asked for.
   * @param closing - Cancels it.
   */
  constructor(pieces: AsyncGenerator<Result, void, undefined>, closing: AbortController) {
    this.#pieces = pieces;
    this.#closing = closing;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Result, void>> {
    try {
      return await this.#pieces.next();
    } catch (error) {
      if (error instanceof CancelledError && this.#closing.signal.aborted) {
        return { done: true, value: undefined };
      }
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Result, void>> {
    await this.close();
    return { done: true, value: undefined };
  }

  /** Cancel what is left of the call, also while a piece is awaited. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#pieces.return().catch(() => undefined);
  }
}
