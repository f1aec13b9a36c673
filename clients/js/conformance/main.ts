/** Checks the client against the service that clients/conformance/README.md describes. */
import { Client } from "../src/index.js";
import { CALLS, HTTP_CALLS } from "./calls.js";
import { run, variable } from "./checks.js";
import { FAILURES } from "./failures.js";

const http = {
  protocol: "http",
  address: variable("GRPS_HTTP"),
  tlsAddress: variable("GRPS_TLS_HTTP"),
  limitedKey: variable("GRPS_LIMITED_KEY_HTTP"),
  options: { protocol: "http" },
  client: new Client(variable("GRPS_HTTP")),
} as const;
const grpc = {
  protocol: "grpc",
  address: variable("GRPS_GRPC"),
  tlsAddress: variable("GRPS_TLS_GRPC"),
  limitedKey: variable("GRPS_LIMITED_KEY_GRPC"),
  options: { protocol: "grpc-web" },
  client: new Client(variable("GRPS_GRPC"), { protocol: "grpc-web" }),
} as const;

const passed = [
  await run(http, { ...CALLS, ...HTTP_CALLS, ...FAILURES }),
  await run(grpc, { ...CALLS, ...FAILURES }),
];
// Connections that are kept would keep the process.
process.exit(passed.every(Boolean) ? 0 : 1);
