/** Tensors: a typed array, its shape, and a name. */
import { fromHalves } from "./core/float16.js";
import type { Nested } from "./core/message.js";

/** The array of each element type. An element of `string` that is not UTF-8 text is bytes. */
export interface ArrayOf {
  uint8: Uint8Array;
  int8: Int8Array;
  int16: Int16Array;
  int32: Int32Array;
  int64: BigInt64Array;
  /** The bits of each number. */
  float16: Uint16Array;
  float32: Float32Array;
  float64: Float64Array;
  string: readonly (string | Uint8Array)[];
}

export type DataType = keyof ArrayOf;

/** A `Float16Array`, which only the latest runtimes and compilers know. */
export interface HalfArray extends ArrayLike<number> {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly [Symbol.toStringTag]: "Float16Array";
}

/** What the elements of a tensor are given as. */
export type TensorData = ArrayOf[DataType] | Uint8ClampedArray | HalfArray;

const TYPES: Readonly<Record<string, DataType>> = {
  Uint8Array: "uint8",
  Uint8ClampedArray: "uint8",
  Int8Array: "int8",
  Int16Array: "int16",
  Int32Array: "int32",
  BigInt64Array: "int64",
  Uint16Array: "float16",
  Float16Array: "float16",
  Float32Array: "float32",
  Float64Array: "float64",
};

/** A tensor of one element type. Its elements are in row-major order. */
export class Tensor<D extends DataType = DataType> {
  readonly name: string;
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: ArrayOf[D];

  private constructor(name: string, dtype: D, shape: readonly number[], data: ArrayOf[D]) {
    this.name = name;
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }

  /**
   * A tensor whose element type is that of its array; a `Uint16Array` has the bits of float16.
   *
   * @param data - The elements; they are not copied.
   * @param shape - By default, one dimension.
   * @throws RangeError if the number of elements does not fit the shape.
   */
  static from(data: TensorData, shape: readonly number[] = [data.length], name = ""): Tensor {
    const dtype = Array.isArray(data) ? "string" : TYPES[kindOf(data)];
    if (dtype === undefined) throw new TypeError(`a tensor can't be made of ${kindOf(data)}`);
    return Tensor.of(dtype, plain(data), shape, name);
  }

  /** A tensor of a type that is named. */
  static of<D extends DataType>(
    dtype: D,
    data: ArrayOf[D],
    shape: readonly number[] = [data.length],
    name = "",
  ): Tensor<D> {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    if (size !== data.length) {
      const sizes = `[${shape.join(", ")}] has ${size} elements, the array has ${data.length}`;
      throw new RangeError(`tensor '${name}': the shape ${sizes}`);
    }
    return new Tensor(name, dtype, shape, data);
  }

  /** Whether the elements are of this type; the compiler then knows their array. */
  is<E extends DataType>(dtype: E): this is Tensor<E> {
    const own: DataType = this.dtype;
    return own === dtype;
  }

  /** The same elements under another name. */
  named(name: string): Tensor<D> {
    return new Tensor(name, this.dtype, this.shape, this.data);
  }

  /**
   * The elements as numbers, float16 decoded. An int64 beyond 2^53 is rounded.
   *
   * @throws TypeError for a tensor of strings.
   */
  toNumbers(): number[] {
    if (this.is("string")) throw new TypeError(`tensor '${this.name}' has strings, not numbers`);
    if (this.is("float16")) return Array.from(fromHalves(this.data));
    return Array.from(this.data as ArrayLike<number | bigint>, Number);
  }

  /** The elements as nested lists, or as one value for a tensor without dimensions. */
  toNested(): Nested {
    const elements = this.is("string") ? this.data.map(textOf) : this.toNumbers();
    return this.shape.length === 0 ? (elements[0] ?? []) : nested(elements, this.shape);
  }
}

function textOf(element: string | Uint8Array): string {
  return typeof element === "string" ? element : new TextDecoder().decode(element);
}

function nested(elements: readonly Nested[], shape: readonly number[]): Nested {
  const [size = 0, ...rest] = shape;
  const step = rest.reduce((product, dimension) => product * dimension, 1);
  if (rest.length === 0) return elements;
  return Array.from({ length: size }, (_, at) => {
    return nested(elements.slice(at * step, (at + 1) * step), rest);
  });
}

function kindOf(data: object): string {
  return Object.prototype.toString.call(data).slice(8, -1);
}

/** The arrays that stand for another: clamped bytes and halves are seen as their bits. */
function plain(data: TensorData): ArrayOf[DataType] {
  if (data instanceof Uint8ClampedArray) {
    return new Uint8Array(data.buffer, data.byteOffset, data.length);
  }
  if (kindOf(data) === "Float16Array") {
    const half = data as HalfArray;
    return new Uint16Array(half.buffer, half.byteOffset, half.length);
  }
  return data as ArrayOf[DataType];
}
