/**
 * One listener for each signal, whatever the number of its calls: Node warns of a leak if a signal
 * has more than ten.
 */
const CALLBACKS = new WeakMap<AbortSignal, Set<() => void>>();

/** Call `callback` when the signal is aborted, or at once; the result takes it back. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => undefined;
  }
  const callbacks = CALLBACKS.get(signal) ?? listenTo(signal);
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
  };
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>();
  CALLBACKS.set(signal, callbacks);
  const callAll = (): void => {
    for (const callback of [...callbacks]) callback();
  };
  signal.addEventListener("abort", callAll, { once: true });
  return callbacks;
}
