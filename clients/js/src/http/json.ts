/** Messages in JSON. */
import { fromHalves, toHalves } from "../core/float16.js";
import {
  type Content,
  MAP_FIELDS,
  type MapData,
  type Message,
  type Nested,
} from "../core/message.js";
import { GrpsError } from "../errors.js";
import { type ArrayOf, type DataType, Tensor } from "../tensor.js";
import { fromBase64, toBase64 } from "./base64.js";

export interface JsonStatus {
  code?: number;
  msg?: string;
  status?: string;
}

interface JsonTensor {
  name?: string;
  dtype: string;
  shape?: number[];
  [flat: string]: unknown;
}

/** A message as the service writes it. */
export interface JsonMessage {
  status?: JsonStatus;
  model?: string;
  str_data?: string;
  bin_data?: string;
  gtensors?: { tensors?: JsonTensor[] };
  ndarray?: Nested;
  gmap?: Record<string, Record<string, unknown>>;
}

/** The body of a request. Bytes are no part of it: they are a body of their own. */
export function toJson({ model, content }: Message): string {
  const head = model === "" ? {} : { model };
  switch (content.kind) {
    case "text":
      return JSON.stringify({ ...head, str_data: content.text });
    case "tensors":
      return JSON.stringify({
        ...head,
        gtensors: { tensors: content.tensors.map(jsonTensor) },
      });
    case "ndarray":
      return JSON.stringify({ ...head, ndarray: content.ndarray }, specialNumber);
    case "map":
      return JSON.stringify({ ...head, gmap: jsonMap(content.map) });
    default:
      return JSON.stringify(head);
  }
}

/** JSON has no numbers for these. */
function specialNumber(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

function jsonNumbers(values: ArrayLike<number>): (number | string)[] {
  return Array.from(values, (value) => specialNumber("", value) as number | string);
}

function jsonTensor(tensor: Tensor): JsonTensor {
  const { name, dtype, shape } = tensor;
  const head = { name, dtype: `DT_${dtype.toUpperCase()}`, shape: [...shape] };
  return { ...head, [`flat_${dtype}`]: jsonElements(tensor) };
}

function jsonElements(tensor: Tensor): unknown[] {
  if (tensor.is("int64")) return Array.from(tensor.data, String);
  if (tensor.is("float16")) return jsonNumbers(fromHalves(tensor.data));
  if (tensor.is("string")) {
    return tensor.data.map((one) => (typeof one === "string" ? one : { b64: toBase64(one) }));
  }
  return jsonNumbers(tensor.data as ArrayLike<number>);
}

function jsonMap(map: MapData): Record<string, Record<string, unknown>> {
  const json: Record<string, Record<string, unknown>> = {};
  for (const [key, field] of Object.entries(MAP_FIELDS)) {
    const values = map[key as keyof MapData];
    if (values === undefined) continue;
    const entries = Object.entries(values as Record<string, MapValue>);

    json[field] = Object.fromEntries(entries.map(([name, value]) => [name, jsonValue(value)]));
  }
  return json;
}

type MapValue = string | Uint8Array | number | bigint;

function jsonValue(value: MapValue): string | number {
  if (value instanceof Uint8Array) return toBase64(value);
  return typeof value === "bigint" ? String(value) : (specialNumber("", value) as string | number);
}

export function parse(text: string): JsonMessage {
  try {
    return JSON.parse(text) as JsonMessage;
  } catch (cause) {
    throw new GrpsError("the response is not JSON", { cause });
  }
}

export function fromJson(json: JsonMessage): Message {
  return { model: json.model ?? "", content: contentOf(json) };
}

function contentOf(json: JsonMessage): Content {
  if (json.str_data !== undefined) return { kind: "text", text: json.str_data };
  if (json.bin_data !== undefined) return { kind: "bytes", bytes: fromBase64(json.bin_data) };
  if (json.gtensors !== undefined) {
    return { kind: "tensors", tensors: (json.gtensors.tensors ?? []).map(tensorOf) };
  }
  if (json.ndarray !== undefined) return { kind: "ndarray", ndarray: json.ndarray };
  if (json.gmap !== undefined) return { kind: "map", map: mapOf(json.gmap) };
  return { kind: "none" };
}

const READ: { [D in DataType]: (elements: readonly never[]) => ArrayOf[D] } = {
  uint8: (elements) => Uint8Array.from(elements),
  int8: (elements) => Int8Array.from(elements),
  int16: (elements) => Int16Array.from(elements),
  int32: (elements) => Int32Array.from(elements),
  int64: (elements) => BigInt64Array.from(elements, BigInt),
  float16: (elements) => toHalves(elements.map(Number)),
  float32: (elements) => Float32Array.from(elements, Number),
  float64: (elements) => Float64Array.from(elements, Number),
  string: (elements) => elements.map(stringOf),
};

function stringOf(element: string | { b64: string }): string | Uint8Array {
  return typeof element === "string" ? element : fromBase64(element.b64);
}

function tensorOf(json: JsonTensor): Tensor {
  const dtype = json.dtype.slice(3).toLowerCase();
  if (!Object.hasOwn(READ, dtype)) throw new GrpsError(`the response has tensors of ${json.dtype}`);
  const elements = (json[`flat_${dtype}`] ?? []) as readonly never[];
  const data = READ[dtype as DataType](elements);
  return Tensor.of(dtype as DataType, data, json.shape ?? [], json.name);
}

function mapOf(json: Record<string, Record<string, unknown>>): MapData {
  const convert = { s_b: fromBase64, s_i64: BigInt, s_f: Number, s_d: Number };
  const map: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(MAP_FIELDS)) {
    if (json[field] === undefined) continue;
    const of = (convert as Record<string, ((value: never) => unknown) | undefined>)[field];
    const entries = Object.entries(json[field]);
    map[key] = Object.fromEntries(
      entries.map(([name, value]) => [name, of?.(value as never) ?? value]),
    );
  }
  return map;
}
