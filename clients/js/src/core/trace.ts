/** The trace of the caller, where the page or the program uses OpenTelemetry. */

/** What `@opentelemetry/api` 1.x shares among its copies. */
interface SharedApi {
  context?: { active(): unknown };
  propagation?: {
    inject(
      context: unknown,
      carrier: Record<string, string>,
      setter: { set(carrier: Record<string, string>, key: string, value: string): void },
    ): void;
  };
}

const KEY = Symbol.for("opentelemetry.js.api.1");
const SETTER = {
  set(carrier: Record<string, string>, key: string, value: string): void {
    carrier[key.toLowerCase()] = value;
  },
};

/** The headers of the active span; none without OpenTelemetry. */
export function traceHeaders(): Record<string, string> {
  const shared = (globalThis as Record<symbol, SharedApi | undefined>)[KEY];
  const headers: Record<string, string> = {};
  if (shared?.context !== undefined && shared.propagation !== undefined) {
    shared.propagation.inject(shared.context.active(), headers, SETTER);
  }
  return headers;
}
