/** For Node: a `fetch` with an authority, a certificate and a number of connections of your own. */
import { request as httpRequest, Agent as HttpAgent, type IncomingMessage } from "node:http";
import { request as httpsRequest, Agent as HttpsAgent } from "node:https";
import { Readable } from "node:stream";
import type { Fetch, FetchRequest, FetchResponse } from "./options.js";

export interface ConnectionOptions {
  /** The certificates of the authorities that are trusted, in PEM. Default: those of Node. */
  ca?: string | Buffer;
  /** The certificate of this client and its key, in PEM. */
  cert?: string | Buffer;
  key?: string | Buffer;
  /** Connections to one service at once. Default: 64. */
  maxConnections?: number;
}

/** A `fetch` for the option of that name, and its end. */
export interface Connections {
  readonly fetch: Fetch;
  /** Close connections that are not in use. */
  close(): void;
}

/** Open connections as they are needed, and keep them for later calls. */
export function createConnections(options: ConnectionOptions = {}): Connections {
  const { maxConnections = 64, ...tls } = options;
  const settings = { keepAlive: true, maxSockets: maxConnections };
  const plain = new HttpAgent(settings);
  const secure = new HttpsAgent({ ...settings, ...tls });
  return {
    fetch: (url, request) => send(url, request, url.startsWith("https:") ? secure : plain),
    close: () => {
      plain.destroy();
      secure.destroy();
    },
  };
}

function send(url: string, request: FetchRequest, agent: HttpAgent): Promise<FetchResponse> {
  const { method, headers, body, signal } = request;
  const start = agent instanceof HttpsAgent ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = start(url, { method, headers, agent, signal });
    sent.on("error", reject);
    sent.on("response", (response) => {
      resolve(answerOf(response));
    });
    sent.end(body);
  });
}

function answerOf(response: IncomingMessage): FetchResponse {
  return {
    status: response.statusCode ?? 0,
    headers: {
      get: (name) => {
        const value = response.headers[name.toLowerCase()];
        return (Array.isArray(value) ? value.join(", ") : value) ?? null;
      },
    },
    body: Readable.toWeb(response) as ReadableStream<Uint8Array>,
  };
}
