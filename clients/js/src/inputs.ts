/** What a call may be given, and the message that it becomes. */
import type { Content, MapData, Nested } from "./core/message.js";
import { Tensor, type TensorData } from "./tensor.js";

/** Arrays that are a tensor by themselves. */
type TensorArray = Exclude<TensorData, Uint8Array | readonly (string | Uint8Array)[]>;

/**
 * - a text;
 * - bytes: `Uint8Array`, `ArrayBuffer`, `Blob` or `File`;
 * - one tensor or several; a typed array is a tensor of one dimension, but a `Uint8Array` is bytes;
 * - tensors by name, as `Tensor` or as arrays of one dimension;
 * - nested lists of numbers, over HTTP only;
 * - `{ map: … }`, what upstream calls `gmap`.
 */
export type Inputs =
  | string
  | Uint8Array
  | ArrayBuffer
  | Blob
  | Tensor
  | TensorArray
  | readonly Tensor[]
  | readonly Nested[]
  | { readonly map: MapData }
  | Readonly<Record<string, Tensor | TensorData>>;

export async function contentOf(inputs: Inputs): Promise<Content> {
  if (typeof inputs === "string") return { kind: "text", text: inputs };
  if (inputs instanceof Uint8Array) return { kind: "bytes", bytes: inputs };
  if (inputs instanceof ArrayBuffer) return { kind: "bytes", bytes: new Uint8Array(inputs) };
  if (inputs instanceof Blob) {
    return { kind: "bytes", bytes: new Uint8Array(await inputs.arrayBuffer()) };
  }
  if (inputs instanceof Tensor) return { kind: "tensors", tensors: [inputs] };
  if (Array.isArray(inputs)) return contentOfList(inputs as readonly unknown[]);
  if (isMap(inputs)) return { kind: "map", map: inputs.map };
  if (ArrayBuffer.isView(inputs)) return { kind: "tensors", tensors: [Tensor.from(inputs)] };
  const named = Object.entries(inputs as Record<string, Tensor | TensorData>);
  return { kind: "tensors", tensors: named.map(([name, value]) => namedTensor(name, value)) };
}

function contentOfList(list: readonly unknown[]): Content {
  if (list.length > 0 && list.every((one) => one instanceof Tensor)) {
    return { kind: "tensors", tensors: list as readonly Tensor[] };
  }
  return { kind: "ndarray", ndarray: list as readonly Nested[] };
}

function isMap(inputs: object): inputs is { readonly map: MapData } {
  const { map } = inputs as { map?: unknown };
  const isObject = typeof map === "object" && map !== null;
  return isObject && !(map instanceof Tensor) && !ArrayBuffer.isView(map) && !Array.isArray(map);
}

function namedTensor(name: string, value: Tensor | TensorData): Tensor {
  return value instanceof Tensor ? value.named(name) : Tensor.from(value, undefined, name);
}
