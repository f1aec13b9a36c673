/** Reads the bodies of responses, no faster than they are used. */
import { TooLargeError } from "../errors.js";
import type { FetchResponse } from "../options.js";

/** The parts of a body as they arrive; the rest is cancelled if the caller stops early. */
export async function* partsOf(
  response: FetchResponse,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  let isOver = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      isOver = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!isOver) await reader.cancel().catch(() => undefined);
  }
}

/** The whole body. */
export async function bytesOf(response: FetchResponse, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of partsOf(response)) {
    parts.push(part);
    length += part.length;
    checkSize(length, maxBytes);
  }
  return joined(parts, length);
}

export function checkSize(length: number, maxBytes: number): void {
  if (length <= maxBytes) return;
  const text = `the response has more than ${maxBytes} bytes; raise maxResponseBytes`;
  throw new TooLargeError(text, { code: 413 });
}

export function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Seconds of a `Retry-After`, which may also be a date. */
export function secondsOf(header: string | null): number | undefined {
  if (header === null || header === "") return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}
