/** Runs the checks of one protocol and writes what they find. */
import { appendFileSync } from "node:fs";
import { Client, type ClientOptions } from "../src/index.js";

export interface Setting {
  /** The protocol as clients/conformance/features.yml names it. */
  readonly protocol: "http" | "grpc";
  readonly address: string;
  readonly tlsAddress: string;
  readonly limitedKey: string;
  readonly options: ClientOptions;
  readonly client: Client;
}

export type Check = (setting: Setting) => Promise<void>;

export function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`the environment variable ${name} is missing`);
  return value;
}

/** Whether all passed. */
export async function run(setting: Setting, checks: Record<string, Check>): Promise<boolean> {
  let areAllFine = true;
  for (const [feature, check] of Object.entries(checks)) {
    const line = { feature, protocol: setting.protocol };
    try {
      await check(setting);
      write({ ...line, passed: true });
    } catch (error) {
      areAllFine = false;
      console.error(feature, setting.protocol, error);
      write({ ...line, passed: false, why: String(error) });
    }
  }
  return areAllFine;
}

function write(line: object): void {
  appendFileSync(variable("GRPS_RESULTS"), `${JSON.stringify(line)}\n`);
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** How many calls the models saw cancelled. */
export async function cancelled({ client }: Setting): Promise<number> {
  const state = await client.predict("", { model: "state" });
  return (JSON.parse(state.text) as { cancelled: number }).cancelled;
}

/** Wait until the models have seen one more. */
export async function waitForOneMore(setting: Setting, before: number): Promise<void> {
  for (let look = 0; look < 100; look += 1) {
    if ((await cancelled(setting)) > before) return;
    await sleep(50);
  }
  throw new Error("the model did not see the cancellation within five seconds");
}
