/** Server-sent events, as the HTML standard defines them. */
import { checkSize } from "../core/body.js";

/**
 * The data of each event.
 *
 * @param parts - The body in any parts.
 * @param maxBytes - The most that an event may have.
 */
export async function* eventsOf(
  parts: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  const lines = new Lines();
  let data: string[] = [];
  let size = 0;
  for await (const part of parts) {
    for (const line of lines.add(decoder.decode(part, { stream: true }))) {
      if (line === "" && data.length > 0) {
        yield data.join("\n");
        data = [];
        size = 0;
      } else if (line.startsWith("data:")) {
        data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
        size += line.length;
      }
    }
    checkSize(size + lines.length, maxBytes);
  }
}

/** Cuts texts into lines that end with CR, LF or both. */
class Lines {
  #open: string[] = [];
  #hasReturn = false;
  /** Characters of the line that is not over. */
  length = 0;

  *add(text: string): Generator<string, void, undefined> {
    let rest = this.#hasReturn && text.startsWith("\n") ? text.slice(1) : text;
    if (text !== "") this.#hasReturn = text.endsWith("\r");
    for (;;) {
      const end = rest.search(/[\r\n]/);
      if (end < 0) break;
      yield this.#open.join("") + rest.slice(0, end);
      this.#open = [];
      this.length = 0;
      rest = rest.slice(rest.startsWith("\r\n", end) ? end + 2 : end + 1);
    }
    if (rest !== "") this.#open.push(rest);
    this.length += rest.length;
  }
}
