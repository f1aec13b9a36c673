/** Calls that end early or are refused. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as grps from "../src/index.js";
import { createConnections } from "../src/node.js";
import { cancelled, type Check, type Setting, variable, waitForOneMore } from "./checks.js";

const TOO_LARGE = 4 * 1024 * 1024 + 1;
const ONCE = { retry: { retries: 0 } };

type Kind<E> = new (...parameters: never[]) => E;

/** The error of a call, which is to be of a class. */
async function errorOf<E extends grps.GrpsError>(
  kind: Kind<E>,
  call: Promise<unknown>,
): Promise<E> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof kind, `${String(error)} instead of ${kind.name}`);
    assert.ok(error instanceof grps.GrpsError);
    return error;
  }
  throw new Error(`no error, but ${kind.name} is expected`);
}

/** A client of the instance with TLS, while it is used. */
async function securely(
  { tlsAddress, options }: Setting,
  more: Pick<grps.ClientOptions, "key" | "retry"> & { ca?: string },
  use: (client: grps.Client) => Promise<void>,
): Promise<void> {
  const { ca = "GRPS_CA", ...rest } = more;
  const connections = createConnections({ ca: readFileSync(variable(ca)) });
  const { fetch } = connections;
  const client = new grps.Client(`https://${tlsAddress}`, { ...options, ...ONCE, ...rest, fetch });
  try {
    await use(client);
  } finally {
    connections.close();
  }
}

const cancelUnary: Check = async (setting) => {
  const before = await cancelled(setting);
  const controller = new AbortController();
  const options = { model: "sleep", signal: controller.signal };
  const call = setting.client.predict("60000", options);
  setTimeout(() => {
    controller.abort();
  }, 300);
  const error = await errorOf(grps.CancelledError, call);
  assert.equal(error.code, 499);
  await waitForOneMore(setting, before);
};

const cancelStream: Check = async (setting) => {
  const before = await cancelled(setting);
  for await (const piece of setting.client.stream("-1 1000", { model: "count" })) {
    if (piece.text.trimEnd() === "3") break;
  }
  await waitForOneMore(setting, before);
  const stream = setting.client.stream("-1 1000", { model: "count" });
  await stream.next();
  await stream.close();
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  await waitForOneMore(setting, before + 1);
};

const deadline: Check = async (setting) => {
  const before = await cancelled(setting);
  const begin = performance.now();
  const call = setting.client.predict("60000", { model: "sleep", timeoutMs: 300 });
  await errorOf(grps.DeadlineExceededError, call);
  assert.ok(performance.now() - begin < 5000);
  await waitForOneMore(setting, before);
};

const modelError: Check = async ({ client }) => {
  const call = client.predict("what went wrong: 100 % é", { model: "fail" });
  const error = await errorOf(grps.ModelError, call);
  assert.equal(error.code, 500);
  assert.match(error.message, /what went wrong: 100 % é/);
};

const unknownModel: Check = async ({ client }) => {
  const error = await errorOf(grps.NotFoundError, client.predict("", { model: "unknown" }));
  assert.equal(error.code, 404);
  assert.match(error.message, /unknown/);
};

const tls: Check = async (setting) => {
  const key = variable("GRPS_KEY");
  await securely(setting, { key }, async (client) => {
    assert.equal((await client.predict("a", { model: "echo" })).text, "a");
  });
  await securely(setting, { key, ca: "GRPS_WRONG_CA" }, async (client) => {
    await errorOf(grps.ConnectionFailedError, client.predict("a", { model: "echo" }));
  });
};

const key: Check = async (setting) => {
  await securely(setting, { key: variable("GRPS_KEY") }, async (client) => {
    assert.equal((await client.predict("a", { model: "echo" })).text, "a");
  });
  await securely(setting, {}, async (client) => {
    const error = await errorOf(grps.UnauthenticatedError, client.predict("a", { model: "echo" }));
    assert.equal(error.code, 401);
  });
};

const tooLarge: Check = async ({ client }) => {
  const call = client.predict("x".repeat(TOO_LARGE), { model: "echo" });
  assert.equal((await errorOf(grps.TooLargeError, call)).code, 413);
};

const rateLimited: Check = async (setting) => {
  await securely(setting, { key: setting.limitedKey }, async (client) => {
    assert.equal((await client.predict("a", { model: "echo" })).text, "a");
    const second = client.predict("a", { model: "echo" });
    const error = await errorOf(grps.TooManyRequestsError, second);
    // The key is for one call in 1000 s.
    const wait = error.retryAfter ?? 0;
    assert.ok(wait > 900 && wait <= 1000, `${wait} s`);
    assert.equal(error.mayHaveRun, false);
  });
};

const overloaded: Check = async ({ address, options }) => {
  const client = new grps.Client(address, { ...options, ...ONCE });
  const calls = Array.from({ length: 4 }, () => client.predict("500", { model: "busy" }));
  const outcomes = await Promise.allSettled(calls);
  const refused = outcomes.filter((outcome) => outcome.status === "rejected");
  assert.ok(refused.length > 0 && refused.length < 4, `${refused.length} of 4 were refused`);
  for (const { reason } of refused) {
    assert.ok(reason instanceof grps.TooManyRequestsError);
    assert.equal(reason.retryAfter, 1);
  }
};

const unavailable: Check = async (setting) => {
  await securely(setting, { key: variable("GRPS_KEY") }, async (client) => {
    const call = client.predict("a", { model: "absent" });
    const error = await errorOf(grps.UnavailableError, call);
    assert.equal(error.code, 503);
    assert.equal(error.retryAfter, 1);
    assert.equal(await client.isReady(), false);
  });
};

const retry: Check = async (setting) => {
  const { address, client, options, protocol } = setting;
  const text = `typescript ${protocol} ${performance.timeOrigin}`;
  const once = new grps.Client(address, { ...options, ...ONCE });
  const refused = once.predict(`${text} once`, { model: "flaky" });
  await errorOf(grps.TooManyRequestsError, refused);
  const begin = performance.now();
  assert.equal((await client.predict(text, { model: "flaky" })).text, text);
  assert.ok(performance.now() - begin >= 50, "the call was repeated without a pause");
  const pieces: string[] = [];
  for await (const piece of client.stream(`${text} stream`, { model: "flaky" })) {
    pieces.push(piece.text);
  }
  assert.deepEqual(pieces, [`${text} stream`]);
  await securely(setting, { key: variable("GRPS_KEY"), retry: { retries: 1 } }, async (again) => {
    const start = performance.now();
    await errorOf(grps.UnavailableError, again.predict("a", { model: "absent" }));
    assert.ok(performance.now() - start >= 1000, "the call was not repeated after Retry-After");
  });
};

export const FAILURES = {
  cancel_unary: cancelUnary,
  cancel_stream: cancelStream,
  deadline,
  model_error: modelError,
  unknown_model: unknownModel,
  tls,
  key,
  too_large: tooLarge,
  rate_limited: rateLimited,
  overloaded,
  unavailable,
  retry,
};
