import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import {
  context,
  type ContextManager,
  propagation,
  ROOT_CONTEXT,
  type TextMapSetter,
} from "@opentelemetry/api";
import * as grps from "../src/index.js";

/** An answer of a service that stands behind a proxy, which real services can't be made to give. */
async function serve(
  listener: RequestListener,
  use: (address: string) => Promise<void>,
): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("a protocol that the client does not speak is refused, not replaced", () => {
  const options = { protocol: "grpc" } as unknown as grps.ClientOptions;
  assert.throws(() => new grps.Client("127.0.0.1:7080", options), /'grpc': use http or grpc-web/);
});

test("a model's name in place of the options is refused, not ignored", async () => {
  const client = new grps.Client("127.0.0.1:7080");
  const wrong = "echo" as unknown as grps.CallOptions;
  const expected = { name: "TypeError", message: /'echo': use an object, such as \{ model/ };
  await assert.rejects(client.predict("a", wrong), expected);
  await assert.rejects(client.stream("a", wrong).next(), expected);
});

test("a connection that is refused is repeated, and then a typed error", async () => {
  let closed = "";
  await serve(
    () => undefined,
    (address) => {
      closed = address;
      return Promise.resolve();
    },
  );
  const client = new grps.Client(closed, { retry: { retries: 2, firstPauseMs: 20 } });
  const begin = performance.now();
  await assert.rejects(client.predict("a"), (error) => {
    assert.ok(error instanceof grps.ConnectionFailedError);
    assert.equal(error.mayHaveRun, false);
    return true;
  });
  assert.ok(performance.now() - begin >= 30);
});

test("a connection that breaks is repeated only where this is safe", async () => {
  let calls = 0;
  const listener: RequestListener = (request) => {
    calls += 1;
    request.socket.destroy();
  };
  await serve(listener, async (address) => {
    const client = new grps.Client(address, { retry: { retries: 1, firstPauseMs: 1 } });
    await assert.rejects(client.predict("a"), grps.ConnectionFailedError);
    assert.equal(calls, 1);
    await assert.rejects(client.predict("a", { safeToRepeat: true }), grps.ConnectionFailedError);
    assert.equal(calls, 3);
  });
});

test("the answer of a proxy is a typed error", async () => {
  const listener: RequestListener = (_, response) => {
    response.writeHead(503, { "Retry-After": "7", "Content-Type": "text/html" }).end("<p>no</p>");
  };
  await serve(listener, async (address) => {
    for (const protocol of ["http", "grpc-web"] as const) {
      const client = new grps.Client(address, { protocol, timeoutMs: 2000 });
      const error = { name: "UnavailableError", code: 503, message: "<p>no</p>", retryAfter: 7 };
      // It does not wait for a pause that its timeout does not allow.
      await assert.rejects(client.predict("a"), error);
    }
  });
});

test("a response that is larger than allowed is refused", async () => {
  const listener: RequestListener = (_, response) => {
    response.end("x".repeat(1000));
  };
  await serve(listener, async (address) => {
    const client = new grps.Client(address, { maxResponseBytes: 999 });
    await assert.rejects(client.predict("a"), grps.TooLargeError);
  });
});

test("headers carry the key, the trace, the id and the timeout", async () => {
  let received: NodeJS.Dict<string | string[]> = {};
  const listener: RequestListener = (request, response) => {
    received = request.headers;
    response.setHeader("Content-Type", "application/json");
    response.end('{"str_data": "a"}');
  };
  await serve(listener, async (address) => {
    const client = new grps.Client(address, { key: () => Promise.resolve("k"), timeoutMs: 5000 });
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await client.predict("a", {
      traceparent,
      requestId: "id",
      headers: { "X-Grps-Priority": "3" },
    });
    assert.equal(received.authorization, "Bearer k");
    assert.equal(received.traceparent, traceparent);
    assert.equal(received["x-request-id"], "id");
    assert.equal(received["x-grps-priority"], "3");
    assert.ok(Number(received["x-request-timeout-ms"]) <= 5000);
    propagation.setGlobalPropagator({
      inject: <C>(_: unknown, carrier: C, setter: TextMapSetter<C>) => {
        setter.set(carrier, "traceparent", traceparent);
      },
      extract: () => ROOT_CONTEXT,
      fields: () => ["traceparent"],
    });
    const manager: ContextManager = {
      active: () => ROOT_CONTEXT,
      with: (_, fn, self, ...parameters) => fn.apply(self as never, parameters),
      bind: (_, target) => target,
      enable: () => manager,
      disable: () => manager,
    };
    context.setGlobalContextManager(manager);
    await client.predict("a");
    assert.equal(received.traceparent, traceparent);
    propagation.disable();
    context.disable();
  });
});

test("a closed client and an aborted signal cancel calls", async () => {
  const listener: RequestListener = () => undefined;
  await serve(listener, async (address) => {
    const client = new grps.Client(address, { maxConcurrency: 1 });
    const controller = new AbortController();
    const running = client.predict("a", { signal: controller.signal });
    const waiting = client.predict("b");
    controller.abort(new Error("enough"));
    await assert.rejects(running, { name: "CancelledError", code: 499 });
    client.close();
    await assert.rejects(waiting, grps.CancelledError);
    await assert.rejects(client.predict("c"), grps.CancelledError);
  });
});

test("map keeps order and bound, and ends its calls at the first error", async () => {
  let running = 0;
  let most = 0;
  const listener: RequestListener = (request, response) => {
    running += 1;
    most = Math.max(most, running);
    request.setEncoding("utf8").on("data", (text: string) => {
      const { str_data: data } = JSON.parse(text) as { str_data: string };
      setTimeout(() => {
        running -= 1;
        response.statusCode = data === "bad" ? 400 : 200;
        response.setHeader("Content-Type", "application/json").end(text);
      }, Number(data));
    });
  };
  await serve(listener, async (address) => {
    const client = new grps.Client(address);
    const inputs = ["30", "1", "20", "2", "10"];
    const answers: string[] = [];
    for await (const one of client.map(inputs, { concurrency: 3 })) answers.push(one.text);
    assert.deepEqual(answers, inputs);
    assert.ok(most <= 3);
    const bad = client.map(["1", "bad", "60000"], { concurrency: 3 });
    assert.equal((await bad.next()).value?.text, "1");
    await assert.rejects(bad.next(), grps.InvalidRequestError);
  });
});
