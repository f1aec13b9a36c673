/** Calls that succeed: every form of content, streams, many at once. */
import assert from "node:assert/strict";
import { Client, Tensor } from "../src/index.js";
import { createConnections } from "../src/node.js";
import { type Check, sleep } from "./checks.js";

const MIB = 1024 * 1024;
const PIECES = 200;
const PIECE_BYTES = 256 * 1024;
const MOST_CONNECTIONS = 8;

const TENSORS = [
  Tensor.from(Uint8Array.of(0, 255), [2], "uint8"),
  Tensor.from(Int8Array.of(-128, 127), [2], "int8"),
  Tensor.from(Int16Array.of(-32768, 32767), [2], "int16"),
  Tensor.from(Int32Array.of(-2147483648, 2147483647), [2], "int32"),
  Tensor.from(BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 0n), [3], "int64"),
  Tensor.from(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00), [4], "float16"),
  Tensor.from(Float32Array.of(0.1, NaN, Infinity), [3], "float32"),
  Tensor.from(Float64Array.of(0.1, 1e300, -Infinity), [3], "float64"),
  Tensor.from(["a", "é", ""], [3], "string"),
  Tensor.from(new Float32Array(), [0, 3], "empty"),
  Tensor.from(
    Float32Array.from({ length: 24 }, (_, at) => at),
    [2, 3, 4],
    "deep",
  ),
];

const text: Check = async ({ client }) => {
  assert.equal((await client.predict("hello é\n\0", { model: "echo" })).text, "hello é\n\0");
};

const binary: Check = async ({ client }) => {
  const bytes = Uint8Array.from({ length: 512 }, (_, at) => at & 255);
  for (const inputs of [bytes, new Blob([bytes])]) {
    const answer = await client.predict(inputs, { model: "echo-1.0.0" });
    assert.deepEqual(new Uint8Array(answer.bytes), bytes);
  }
};

const tensors: Check = async ({ client }) => {
  const answer = await client.predict(TENSORS, { model: "echo" });
  assert.deepEqual(answer.tensors, TENSORS);
  const bytes = [Uint8Array.of(255, 0), "a"];
  const strings = (await client.predict({ x: bytes }, { model: "echo" })).tensor("x").data;
  assert.deepEqual(Buffer.from(strings[0] as Uint8Array), Buffer.of(255, 0));
};

const ndarray: Check = async ({ client }) => {
  const list = [
    [1, 2.5],
    [3, -4],
  ];
  const answer = await client.predict(list, { model: "echo", returnNdarray: true });
  assert.equal(answer.kind, "ndarray");
  assert.deepEqual(answer.ndarray, list);
  assert.deepEqual((await client.predict(list, { model: "echo" })).ndarray, list);
};

const metadata: Check = async ({ client }) => {
  assert.equal(await client.isLive(), true);
  assert.equal(typeof (await client.isReady()), "boolean");
  assert.match(await client.metadata("echo"), /echo/);
  assert.match(await client.metadata(), /interface/);
};

const stream: Check = async ({ client }) => {
  let next = 0;
  for await (const piece of client.stream("10000", { model: "count" })) {
    assert.equal(piece.text.trimEnd(), String(next));
    next += 1;
  }
  assert.equal(next, 10_000);
};

const slowReader: Check = async ({ client }) => {
  const before = await memoryInUse();
  let next = 0;
  let most = 0;
  for await (const piece of client.stream(`${PIECES} ${PIECE_BYTES}`, { model: "count" })) {
    assert.equal(piece.text.length, PIECE_BYTES);
    assert.equal(piece.text.trimEnd(), String(next));
    next += 1;
    await sleep(5);
    if (next % 20 === 0) most = Math.max(most, (await memoryInUse()) - before);
  }
  assert.equal(next, PIECES);
  assert.ok(most < 16 * MIB, `${most} bytes in use for a stream of ${PIECES * PIECE_BYTES}`);
};

/** Arrays are freed some time after the collector has found that nobody uses them. */
async function memoryInUse(): Promise<number> {
  assert.ok(globalThis.gc, "the program needs node --expose-gc");
  globalThis.gc();
  await sleep(20);
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const concurrent: Check = async ({ address, options }) => {
  const before = await openConnections();
  const connections = createConnections({ maxConnections: MOST_CONNECTIONS });
  const client = new Client(address, { ...options, fetch: connections.fetch });
  const inputs = Array.from({ length: 200 }, (_, at) => `text ${at}`);
  const answers: string[] = [];
  for await (const answer of client.map(inputs, { model: "echo", concurrency: 32 })) {
    answers.push(answer.text);
  }
  assert.deepEqual(answers, inputs);
  const more = (await openConnections()) - before;
  connections.close();
  assert.ok(more <= MOST_CONNECTIONS, `${more} connections`);
};

/** Looked up over a connection that stays open. */
async function openConnections(): Promise<number> {
  const address = process.env.GRPS_HTTP ?? "";
  const text = await (await fetch(`http://${address}/metrics`)).text();
  return Number(/^grps_connections (\d+)$/m.exec(text)?.[1]);
}

export const CALLS = {
  text,
  binary,
  tensors,
  metadata,
  stream,
  slow_reader: slowReader,
  concurrent,
};
export const HTTP_CALLS = { ndarray };
