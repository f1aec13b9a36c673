import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode } from "../src/grpc/codec.js";
import { framed, framesOf } from "../src/grpc/frames.js";
import { fromProto, toProto } from "../src/grpc/message.js";
import { fromJson, type JsonMessage, toJson } from "../src/http/json.js";
import { contentOf, type Inputs } from "../src/inputs.js";
import { Result } from "../src/result.js";
import { Tensor } from "../src/tensor.js";
import { eachOf } from "./parts.js";

const TENSORS = [
  Tensor.from(Uint8Array.of(0, 255), [2], "uint8"),
  Tensor.from(Int8Array.of(-128, 127), [2], "int8"),
  Tensor.from(Int16Array.of(-32768, 32767), [2, 1, 1], "int16"),
  Tensor.from(Int32Array.of(-2147483648, 2147483647, 0, 1), [2, 2], "int32"),
  Tensor.from(BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, -1n, 0n), [4], "int64"),
  Tensor.from(Uint16Array.of(0x3c00, 0xfc00, 0x0001), [3], "float16"),
  Tensor.from(Float32Array.of(0.1, -Infinity, NaN), [3], "float32"),
  Tensor.from(Float64Array.of(0.1, 1e300, NaN), [3], "float64"),
  Tensor.from(["a", "é", ""], [3], "string"),
  Tensor.from(new Float32Array(), [0, 3], "empty"),
];
const MAP = {
  strings: { a: "é" },
  bytes: { b: Uint8Array.of(0, 255) },
  int32: { c: -5 },
  int64: { d: -(2n ** 60n) },
  float32: { e: 0.5 },
  float64: { f: 0.1 },
};
const INPUTS: Inputs[] = ["text é", "", TENSORS, { map: MAP }];

test("messages survive protobuf and JSON", async () => {
  for (const inputs of [...INPUTS, Uint8Array.of(0, 255)]) {
    const message = { model: "m-1.0.0", content: await contentOf(inputs) };
    assert.deepEqual(fromProto(toProto(message)), [message, {}]);
    if (inputs instanceof Uint8Array) continue;
    assert.deepEqual(fromJson(JSON.parse(toJson(message)) as JsonMessage), message);
  }
});

test("bytes among strings are kept", async () => {
  const message = { model: "", content: await contentOf(Tensor.from([Uint8Array.of(255), "a"])) };
  const json = new Result(fromJson(JSON.parse(toJson(message)) as JsonMessage));
  assert.deepEqual(json.tensor().data, [Uint8Array.of(255), "a"]);
  const proto = new Result(fromProto(toProto(message))[0]);
  assert.deepEqual(proto.tensor().data, [Uint8Array.of(255), Uint8Array.of(97)]);
});

test("protobuf has the bytes that its documentation shows", () => {
  const bytes = encode("GrpsMessage", { str_data: "testing" });
  assert.equal(Buffer.from(bytes).toString("hex"), "220774657374696e67");
  const status = encode("Status", { code: -1 });
  assert.equal(Buffer.from(status).toString("hex"), "08ffffffffffffffffff01");
  assert.deepEqual(decode("Status", status), { code: -1 });
});

test("numbers that are not packed, and unknown fields, are read", () => {
  const bytes = Uint8Array.of(0x20, 7, 0x22, 3, 0x96, 1, 1, 0xf8, 0x7f, 1, 0x20, 9);
  assert.deepEqual(decode("GenericTensor", bytes), { flat_uint8: Uint32Array.of(7, 150, 1, 9) });
});

test("broken bytes are an error", () => {
  assert.throws(() => decode("GrpsMessage", Uint8Array.of(0x22, 7, 1)), /not a message of GRPS/);
  assert.throws(() => decode("GrpsMessage", Uint8Array.of(0x80)), /not a message of GRPS/);
  assert.throws(() => decode("GrpsMessage", Uint8Array.of(0x20, 1)), /not a message of GRPS/);
});

test("frames are read from parts of any size", async () => {
  const trailers = new TextEncoder().encode("grpc-status: 0\r\ngrpc-message: a:b\r\n");
  const last = framed(trailers);
  last[0] = 0x80;
  const body = Uint8Array.of(
    ...framed(Uint8Array.of(1, 2, 3)),
    ...framed(new Uint8Array()),
    ...last,
  );
  for (let size = 1; size <= body.length; size += 1) {
    const frames = [];
    for await (const frame of framesOf(eachOf(body, size), 100)) frames.push(frame);
    assert.deepEqual(frames, [
      { kind: "message", bytes: Uint8Array.of(1, 2, 3) },
      { kind: "message", bytes: new Uint8Array() },
      {
        kind: "trailers",
        trailers: new Map([
          ["grpc-status", "0"],
          ["grpc-message", "a:b"],
        ]),
      },
    ]);
  }
});

test("a frame that is too large or cut off is an error", async () => {
  const read = async (body: Uint8Array): Promise<void> => {
    for await (const frame of framesOf(eachOf(body, 4), 100)) assert.ok(frame);
  };
  await assert.rejects(read(framed(new Uint8Array(101))), { name: "TooLargeError" });
  await assert.rejects(read(framed(new Uint8Array(9)).subarray(0, 8)), /within a frame/);
});
