/** Many calls, a few at once. */

/**
 * The results of `call` in the order of the items.
 *
 * @param concurrency - Calls at once; also how far ahead of the reader they go.
 * @param stop - Called when the reader leaves early or a call fails.
 */
export async function* mapInOrder<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  concurrency: number,
  call: (item: T) => Promise<R>,
  stop: () => void,
): AsyncGenerator<R, void, undefined> {
  if (!(concurrency >= 1))
    throw new RangeError(`concurrency is to be 1 or more, not ${concurrency}`);
  const running: Promise<R>[] = [];
  try {
    for await (const item of items) {
      const result = call(item);
      // Its error is thrown when its turn comes.
      result.catch(() => undefined);
      running.push(result);
      const first = running.length >= concurrency ? running.shift() : undefined;
      if (first !== undefined) yield await first;
    }
    for (let next = running.shift(); next !== undefined; next = running.shift()) yield await next;
  } finally {
    stop();
    await Promise.allSettled(running);
  }
}
