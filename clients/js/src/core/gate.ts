/** Lets a number of calls run at once; the others wait in order. */
import type { CallScope } from "./scope.js";

export class Gate {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(size: number) {
    if (!(size >= 1)) throw new RangeError(`maxConcurrency is to be 1 or more, not ${size}`);
    this.#free = size;
  }

  /** Wait for a place. The caller gives it back by `leave`. */
  async enter(scope: CallScope): Promise<void> {
    scope.check();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    const isIn = await new Promise<boolean>((resolve) => {
      const enter = (): void => {
        scope.signal.removeEventListener("abort", giveUp);
        resolve(true);
      };
      const giveUp = (): void => {
        if (this.#waiting.delete(enter)) resolve(false);
      };
      this.#waiting.add(enter);
      scope.signal.addEventListener("abort", giveUp, { once: true });
    });
    if (isIn && scope.signal.aborted) this.leave();
    scope.check();
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
    } else {
      this.#waiting.delete(next);
      next();
    }
  }
}
