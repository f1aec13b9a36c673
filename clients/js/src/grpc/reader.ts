/** Reads the wire format of protobuf. The numbers of typed arrays are little-endian, as the wire is. */
import { GrpsError } from "../errors.js";

const TEXT = new TextDecoder();

export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The number and the wire type of the next field. */
  tag(): [number: number, wireType: number] {
    const tag = this.uint32();
    return [tag >>> 3, tag & 7];
  }

  /** The low 32 bits of a varint; `high` has the others. */
  uint32(): number {
    let low = 0;
    this.#high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#next();
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) this.#high = bits >>> 4;
      else if (shift > 28 && shift < 64) this.#high |= bits << (shift - 32);
      if (byte < 0x80) return low >>> 0;
    }
    throw malformed();
  }

  int32(): number {
    return this.uint32() | 0;
  }

  /** The high 32 bits of the varint that was read last. */
  get high(): number {
    return this.#high >>> 0;
  }
  #high = 0;

  int64(): bigint {
    const low = this.uint32();
    return BigInt.asIntN(64, (BigInt(this.high) << 32n) | BigInt(low));
  }

  float(): number {
    return this.#view.getFloat32(this.#skip(4), true);
  }

  double(): number {
    return this.#view.getFloat64(this.#skip(8), true);
  }

  /** A part of the bytes of this reader, not a copy. */
  bytes(): Uint8Array {
    const length = this.uint32();
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  string(): string {
    return TEXT.decode(this.bytes());
  }

  skip(wireType: number): void {
    if (wireType === 0) this.uint32();
    else if (wireType === 1) this.#skip(8);
    else if (wireType === 2) this.bytes();
    else if (wireType === 5) this.#skip(4);
    else throw malformed();
  }

  #next(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw malformed();
    this.#at += 1;
    return byte;
  }

  #skip(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.length) throw malformed();
    this.#at += length;
    return start;
  }
}

/** How many varints a packed field has. */
export function countVarints(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) if (byte < 0x80) count += 1;
  return count;
}

export function malformed(): GrpsError {
  return new GrpsError("the response is not a message of GRPS in protobuf");
}
