/** Messages in protobuf. */
import { fromHalves, toHalves } from "../core/float16.js";
import { type Content, MAP_FIELDS, type MapData, type Message } from "../core/message.js";
import { GrpsError, InvalidRequestError } from "../errors.js";
import { type ArrayOf, type DataType, Tensor } from "../tensor.js";
import { decode, encode, type Fields, type Numbers } from "./codec.js";
import { DataType as Types } from "./schema.js";

export interface Status {
  code?: number;
  msg?: string;
  status?: number;
}

const NAMES = new Map<number, string>(
  Object.entries(Types).map(([name, number]) => [number, name.slice(3).toLowerCase()]),
);

export function toProto({ model, content }: Message): Uint8Array<ArrayBuffer> {
  const head = model === "" ? {} : { model };
  return encode("GrpsMessage", { ...head, ...fieldsOf(content) });
}

function fieldsOf(content: Content): Fields {
  switch (content.kind) {
    case "text":
      return { str_data: content.text };
    case "bytes":
      return { bin_data: content.bytes };
    case "tensors":
      return { gtensors: { tensors: content.tensors.map(tensorFields) } };
    case "map":
      return { gmap: mapFields(content.map) };
    case "ndarray": {
      const text = "nested lists exist over HTTP only; over gRPC-Web, send a Tensor";
      throw new InvalidRequestError(text, { code: 400, mayHaveRun: false });
    }
    default:
      return {};
  }
}

function tensorFields(tensor: Tensor): Fields {
  const { name, dtype, shape } = tensor;
  const number = Types[`DT_${dtype.toUpperCase()}` as keyof typeof Types];
  return { name, dtype: number, shape: Uint32Array.from(shape), ...elementsOf(tensor) };
}

function elementsOf(tensor: Tensor): Fields {
  if (tensor.is("float16")) return { flat_float16: fromHalves(tensor.data) };
  if (!tensor.is("string")) return { [`flat_${tensor.dtype}`]: tensor.data };
  if (tensor.data.every((one) => typeof one === "string")) return { flat_string: tensor.data };
  const encoder = new TextEncoder();
  const bytes = tensor.data.map((one) => (typeof one === "string" ? encoder.encode(one) : one));
  return { flat_bytes: bytes };
}

function mapFields(map: MapData): Fields {
  return Object.fromEntries(
    Object.entries(MAP_FIELDS).map(([key, field]) => [field, map[key as keyof MapData]]),
  );
}

export function fromProto(bytes: Uint8Array): [Message, Status] {
  const fields = decode("GrpsMessage", bytes);
  const model = (fields.model as string | undefined) ?? "";
  const status = (fields.status as Status | undefined) ?? {};
  return [{ model, content: contentOf(fields) }, status];
}

function contentOf(fields: Fields): Content {
  if (fields.str_data !== undefined) return { kind: "text", text: fields.str_data as string };
  if (fields.bin_data !== undefined) {
    return { kind: "bytes", bytes: fields.bin_data as Uint8Array };
  }
  if (fields.gtensors !== undefined) {
    const { tensors = [] } = fields.gtensors as { tensors?: Fields[] };
    return { kind: "tensors", tensors: tensors.map(tensorOf) };
  }
  if (fields.gmap !== undefined) {
    const values = fields.gmap as Fields;
    const entries = Object.entries(MAP_FIELDS).map(([key, field]) => [key, values[field]]);
    return {
      kind: "map",
      map: Object.fromEntries(entries.filter(([, value]) => value)) as MapData,
    };
  }
  return { kind: "none" };
}

const ARRAYS: { [D in DataType]: (fields: Fields) => ArrayOf[D] } = {
  uint8: (fields) => Uint8Array.from(numbers(fields, "flat_uint8")),
  int8: (fields) => Int8Array.from(numbers(fields, "flat_int8")),
  int16: (fields) => Int16Array.from(numbers(fields, "flat_int16")),
  int32: (fields) => (fields.flat_int32 as Int32Array | undefined) ?? new Int32Array(),
  int64: (fields) => (fields.flat_int64 as BigInt64Array | undefined) ?? new BigInt64Array(),
  float16: (fields) => toHalves(numbers(fields, "flat_float16")),
  float32: (fields) => (fields.flat_float32 as Float32Array | undefined) ?? new Float32Array(),
  float64: (fields) => (fields.flat_float64 as Float64Array | undefined) ?? new Float64Array(),
  string: (fields) => (fields.flat_bytes ?? fields.flat_string ?? []) as string[],
};

function numbers(fields: Fields, name: string): ArrayLike<number> {
  return (fields[name] as Exclude<Numbers, BigInt64Array> | undefined) ?? [];
}

function tensorOf(fields: Fields): Tensor {
  const dtype = NAMES.get(fields.dtype as number) as DataType | undefined;
  if (dtype === undefined || !Object.hasOwn(ARRAYS, dtype)) {
    throw new GrpsError(`the response has tensors of type ${String(fields.dtype)}`);
  }
  const shape = Array.from((fields.shape as Uint32Array | undefined) ?? []);
  return Tensor.of(dtype, ARRAYS[dtype](fields), shape, fields.name as string | undefined);
}
