import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHalf, toHalf } from "../src/core/float16.js";
import { eventsOf } from "../src/http/sse.js";
import { GrpsError, Result, Tensor } from "../src/index.js";
import { contentOf } from "../src/inputs.js";
import { eachOf } from "./parts.js";

test("every float16 is the same after float32", () => {
  for (let half = 0; half < 0x10000; half += 1) {
    const isNaN = (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0;
    assert.equal(toHalf(fromHalf(half)), isNaN ? 0x7e00 : half);
  }
});

test("a float16 is the nearest one, ties to even", () => {
  assert.equal(toHalf(1 + 2 ** -11), 0x3c00);
  assert.equal(toHalf(1 + 3 * 2 ** -11), 0x3c02);
  assert.equal(toHalf(65519), 0x7bff);
  assert.equal(toHalf(65520), 0x7c00);
  assert.equal(toHalf(2 ** -25), 0);
  assert.equal(toHalf(2 ** -25 * 1.5), 1);
  assert.equal(toHalf(-(2 ** -24)), 0x8001);
});

test("a tensor has the type of its array", () => {
  assert.equal(Tensor.from(Float32Array.of(1)).dtype, "float32");
  assert.equal(Tensor.from(Uint8ClampedArray.of(1)).dtype, "uint8");
  assert.equal(Tensor.from(["a"]).dtype, "string");
  assert.throws(() => Tensor.from(Float32Array.of(1), [2], "x"), /tensor 'x': the shape \[2\]/);
  assert.throws(() => Tensor.from(new BigUint64Array(1) as never), TypeError);
  assert.deepEqual(Tensor.from(Uint16Array.of(0x3c00)).toNumbers(), [1]);
  assert.deepEqual(Tensor.from(BigInt64Array.of(3n)).toNumbers(), [3]);
  assert.throws(() => Tensor.from(["a"]).toNumbers(), TypeError);
});

test("a tensor becomes nested lists", () => {
  assert.deepEqual(Tensor.from(Int8Array.of(1, 2, 3, 4), [2, 1, 2]).toNested(), [
    [[1, 2]],
    [[3, 4]],
  ]);
  assert.deepEqual(Tensor.from(new Int8Array(), [2, 0]).toNested(), [[], []]);
  assert.equal(Tensor.from(["a"], []).toNested(), "a");
});

test("inputs become the content that they look like", async () => {
  const bytes = Uint8Array.of(1, 2);
  assert.deepEqual(await contentOf(new Blob([bytes])), { kind: "bytes", bytes });
  assert.deepEqual(await contentOf(bytes.buffer), { kind: "bytes", bytes });
  assert.deepEqual(await contentOf([[1], [2]]), { kind: "ndarray", ndarray: [[1], [2]] });
  const x = Tensor.from(Float32Array.of(1), [1, 1]);
  assert.deepEqual(await contentOf({ x }), { kind: "tensors", tensors: [x.named("x")] });
  const map = Int32Array.of(1);
  const tensors = [Tensor.from(map, [1], "map")];
  assert.deepEqual(await contentOf({ map }), { kind: "tensors", tensors });
  assert.deepEqual(await contentOf(map), { kind: "tensors", tensors: [Tensor.from(map)] });
});

test("an accessor says what the response has instead", () => {
  const result = new Result({ model: "", content: { kind: "text", text: "a" } });
  assert.equal(result.text, "a");
  assert.throws(() => result.bytes, new GrpsError("the response has no bytes, but: text"));
});

test("events are read from parts of any size", async () => {
  const text = ": comment\r\n\ndata: é\n\nevent: x\ndata:1\rdata: 2\r\n\r\ndata: cut off";
  const body = new TextEncoder().encode(text);
  for (let size = 1; size <= body.length; size += 1) {
    const events = [];
    for await (const event of eventsOf(eachOf(body, size), 100)) events.push(event);
    assert.deepEqual(events, ["é", "1\n2"]);
  }
});

test("an event that is too large is an error", async () => {
  const read = async (text: string): Promise<void> => {
    const parts = eachOf(new TextEncoder().encode(text), 8);
    for await (const event of eventsOf(parts, 30)) assert.ok(event);
  };
  await assert.rejects(read(`data: ${"x".repeat(40)}`), { name: "TooLargeError" });
  await assert.rejects(read("data: 12345\n".repeat(5)), { name: "TooLargeError" });
});
