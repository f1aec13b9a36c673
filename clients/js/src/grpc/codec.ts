/** Messages in protobuf as plain objects, by the schema that is generated from proto/. */
import { countVarints, malformed, Reader } from "./reader.js";
import { MESSAGES } from "./schema.js";
import { Writer } from "./writer.js";

/** A message: its fields by their names in the proto file. */
export type Fields = Record<string, unknown>;
export type Numbers = Int32Array | Uint32Array | BigInt64Array | Float32Array | Float64Array;

interface Field {
  readonly number: number;
  readonly type: string;
  readonly label: string;
}

type Schema = Readonly<Record<string, Field>>;

const SCHEMAS: Readonly<Record<string, Schema>> = MESSAGES;
const WIRE_TYPES: Readonly<Record<string, number>> = {
  int32: 0,
  uint32: 0,
  int64: 0,
  double: 1,
  float: 5,
};
const BYTES = 2;
const BY_NUMBER = new Map(Object.entries(SCHEMAS).map(([name, schema]) => [name, index(schema)]));

function index(schema: Schema): Map<number, [string, Field]> {
  return new Map(Object.entries(schema).map(([name, field]) => [field.number, [name, field]]));
}

/** Fields that are `undefined` are left out. */
export function encode(type: string, message: Fields): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  for (const [name, field] of Object.entries(SCHEMAS[type] ?? {})) {
    const value = message[name];
    if (value === undefined) continue;
    if (field.label === "single") {
      writeOne(writer, field.number, field.type, value);
    } else if (field.label === "map") {
      for (const [key, entry] of Object.entries(value as object)) {
        const pair = new Writer();
        writeOne(pair, 1, "string", key);
        writeOne(pair, 2, field.type, entry);
        writer.tag(field.number, BYTES);
        writer.bytes(pair.finish());
      }
    } else if (field.type in WIRE_TYPES) {
      writer.tag(field.number, BYTES);
      writer.bytes(packed(field.type, value as Numbers));
    } else {
      for (const one of value as unknown[]) writeOne(writer, field.number, field.type, one);
    }
  }
  return writer.finish();
}

function writeOne(writer: Writer, number: number, type: string, value: unknown): void {
  writer.tag(number, WIRE_TYPES[type] ?? BYTES);
  if (type === "string") writer.string(value as string);
  else if (type === "bytes") writer.bytes(value as Uint8Array);
  else if (type === "int64") writer.int64(value as bigint);
  else if (type === "int32") writer.int32(value as number);
  else if (type === "uint32") writer.uint32(value as number);
  else if (type === "float") writer.float(value as number);
  else if (type === "double") writer.double(value as number);
  else writer.bytes(encode(type, value as Fields));
}

function packed(type: string, values: Numbers): Uint8Array {
  if (values instanceof Float32Array || values instanceof Float64Array) {
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
  const writer = new Writer();
  if (values instanceof BigInt64Array) {
    const halves = new Uint32Array(values.slice().buffer);
    for (let at = 0; at < halves.length; at += 2) {
      writer.varint(halves[at] ?? 0, halves[at + 1] ?? 0);
    }
  } else if (type === "int32") {
    for (const value of values) writer.int32(value);
  } else {
    for (const value of values) writer.uint32(value);
  }
  return writer.finish();
}

/** Fields that are not in the bytes are not in the object. Bytes are parts of the given ones. */
export function decode(type: string, bytes: Uint8Array): Fields {
  const reader = new Reader(bytes);
  const fields = BY_NUMBER.get(type);
  const message: Fields = {};
  while (!reader.isAtEnd) {
    const [number, wireType] = reader.tag();
    const known = fields?.get(number);
    if (known === undefined) {
      reader.skip(wireType);
      continue;
    }
    const [name, field] = known;
    if (field.label === "single") {
      message[name] = readOne(reader, field.type, wireType);
    } else if (field.label === "map") {
      const [key, value] = readEntry(reader.bytes(), field.type);
      ((message[name] ??= {}) as Fields)[key] = value;
    } else if (field.type in WIRE_TYPES) {
      const more = readNumbers(reader, field.type, wireType);
      const earlier = message[name] as Numbers | undefined;
      message[name] = earlier === undefined ? more : joined(earlier, more);
    } else {
      ((message[name] ??= []) as unknown[]).push(readOne(reader, field.type, wireType));
    }
  }
  return message;
}

function readOne(reader: Reader, type: string, wireType: number): unknown {
  if (wireType !== (WIRE_TYPES[type] ?? BYTES)) throw malformed();
  if (type === "string") return reader.string();
  if (type === "bytes") return reader.bytes();
  if (type === "int64") return reader.int64();
  if (type === "int32") return reader.int32();
  if (type === "uint32") return reader.uint32();
  if (type === "float") return reader.float();
  if (type === "double") return reader.double();
  return decode(type, reader.bytes());
}

const DEFAULTS: Readonly<Record<string, unknown>> = {
  string: "",
  bytes: new Uint8Array(),
  int64: 0n,
};

function readEntry(bytes: Uint8Array, type: string): [string, unknown] {
  const reader = new Reader(bytes);
  let key = "";
  let value: unknown = DEFAULTS[type] ?? 0;
  while (!reader.isAtEnd) {
    const [number, wireType] = reader.tag();
    if (number === 1) key = reader.string();
    else if (number === 2) value = readOne(reader, type, wireType);
    else reader.skip(wireType);
  }
  return [key, value];
}

function readNumbers(reader: Reader, type: string, wireType: number): Numbers {
  if (wireType === BYTES) return unpacked(reader.bytes(), type);
  const one = readOne(reader, type, wireType);
  if (type === "int64") return BigInt64Array.of(one as bigint);
  const kinds = { int32: Int32Array, uint32: Uint32Array, float: Float32Array };
  const kind = kinds[type as keyof typeof kinds] as typeof Int32Array | undefined;
  return (kind ?? Float64Array).of(one as number);
}

function unpacked(bytes: Uint8Array, type: string): Numbers {
  if (type === "float" || type === "double") {
    if (bytes.length % (type === "float" ? 4 : 8) !== 0) throw malformed();
    const copy = bytes.slice().buffer;
    return type === "float" ? new Float32Array(copy) : new Float64Array(copy);
  }
  const reader = new Reader(bytes);
  const length = countVarints(bytes);
  if (type === "int64") {
    const values = new BigInt64Array(length);
    const halves = new Uint32Array(values.buffer);
    for (let at = 0; at < halves.length; at += 2) {
      halves[at] = reader.uint32();
      halves[at + 1] = reader.high;
    }
    return values;
  }
  const values = type === "int32" ? new Int32Array(length) : new Uint32Array(length);
  for (let at = 0; at < length; at += 1) values[at] = reader.uint32();
  return values;
}

function joined(first: Numbers, second: Numbers): Numbers {
  const kind = first.constructor as new (length: number) => Numbers;
  const all = new kind(first.length + second.length);
  all.set(first as never);
  all.set(second as never, first.length);
  return all;
}
