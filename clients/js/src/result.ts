/** What a call returns. */
import { GrpsError } from "./errors.js";
import type { Content, MapData, Message, Nested } from "./core/message.js";
import type { Tensor } from "./tensor.js";

/** A response, or one piece of a stream. Each accessor throws if the response has another form. */
export class Result {
  readonly #content: Content;

  constructor(message: Message) {
    this.#content = message.content;
  }

  /** What the response has; `none` for an empty one. */
  get kind(): Content["kind"] {
    return this.#content.kind;
  }

  get text(): string {
    return this.#content.kind === "text" ? this.#content.text : this.#refuse("text");
  }

  get bytes(): Uint8Array {
    return this.#content.kind === "bytes" ? this.#content.bytes : this.#refuse("bytes");
  }

  get tensors(): readonly Tensor[] {
    return this.#content.kind === "tensors" ? this.#content.tensors : this.#refuse("tensors");
  }

  /** Nested lists; those of the only tensor too. */
  get ndarray(): Nested {
    if (this.#content.kind === "ndarray") return this.#content.ndarray;
    return this.#content.kind === "tensors" ? this.tensor().toNested() : this.#refuse("ndarray");
  }

  get map(): MapData {
    return this.#content.kind === "map" ? this.#content.map : this.#refuse("map");
  }

  /** The tensor of a name, or the only one. */
  tensor(name?: string): Tensor {
    const found = this.tensors.filter((one) => name === undefined || one.name === name);
    if (found.length === 1 && found[0] !== undefined) return found[0];
    const names = this.tensors.map((one) => `'${one.name}'`).join(", ");
    const wanted = name === undefined ? "one tensor" : `one tensor '${name}'`;
    throw new GrpsError(`the response does not have ${wanted}, but: ${names}`);
  }

  #refuse(wanted: string): never {
    throw new GrpsError(`the response has no ${wanted}, but: ${this.kind}`);
  }
}
