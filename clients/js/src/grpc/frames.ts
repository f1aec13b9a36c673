/** The frames of gRPC-Web: messages, and at the end the trailers. */
import { checkSize, joined } from "../core/body.js";
import { GrpsError } from "../errors.js";

const HEAD = 5;
const TRAILERS = 0x80;

export type Frame =
  | { readonly kind: "message"; readonly bytes: Uint8Array }
  | { readonly kind: "trailers"; readonly trailers: ReadonlyMap<string, string> };

/** A message of a request as its only frame. */
export function framed(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(HEAD + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, HEAD);
  return frame;
}

/** The frames of a body that arrives in any parts. */
export async function* framesOf(
  parts: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Frame, void, undefined> {
  let held: Uint8Array[] = [];
  let length = 0;
  let needed = HEAD;
  for await (const part of parts) {
    held.push(part);
    length += part.length;
    if (length < needed) continue;
    let rest = joined(held, length);
    needed = neededBy(rest, maxBytes);
    while (rest.length >= needed) {
      yield frameOf(rest[0] ?? 0, rest.subarray(HEAD, needed));
      rest = rest.subarray(needed);
      needed = neededBy(rest, maxBytes);
    }
    held = [rest];
    length = rest.length;
  }
  if (length > 0) throw new GrpsError("the response ends within a frame");
}

/** The bytes of the next frame, as far as they are known. */
function neededBy(bytes: Uint8Array, maxBytes: number): number {
  if (bytes.length < HEAD) return HEAD;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  checkSize(length, maxBytes);
  return HEAD + length;
}

function frameOf(flags: number, bytes: Uint8Array): Frame {
  if ((flags & 1) !== 0) throw new GrpsError("the response is compressed, which nobody asked for");
  if ((flags & TRAILERS) === 0) return { kind: "message", bytes };
  const lines = new TextDecoder().decode(bytes).split("\r\n");
  const pairs = lines.filter((line) => line.includes(":")).map(pairOf);
  return { kind: "trailers", trailers: new Map(pairs) };
}

function pairOf(line: string): [string, string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
}
