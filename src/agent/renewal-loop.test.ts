import { expect, test } from "vitest";
import { GalleyError } from "../errors/index.js";
import type { AgentCredential } from "./credential.js";
import { type RenewalOptions, startRenewal } from "./renewal-loop.js";

const held = (jwt: string, renewInMs: number): AgentCredential => ({
  v: 1,
  agent: { id: "agt1", name: "one" },
  controlPlaneUrl: "http://server",
  tokenHash: null,
  publicKey: "U",
  seed: "S",
  jwt,
  expiresAt: new Date(Date.now() + 10 * 24 * 3_600_000).toISOString(),
  renewAfter: new Date(Date.now() + renewInMs).toISOString(),
});
const log = { debug() {}, info() {}, warn() {}, error() {} };

function start(options: Partial<RenewalOptions>) {
  const over = new AbortController();
  const loop = startRenewal({
    held: held("old", -1),
    renew: async () => held("new", 1e9),
    use: async () => over.abort(),
    onRefused: () => over.abort(),
    log,
    now: Date.now,
    random: () => 0,
    signal: over.signal,
    ...options,
  });
  return { over, loop };
}

test("what is past half of its life is renewed and used", async () => {
  const used: string[] = [];
  const { over, loop } = start({
    use: async ({ jwt }) => {
      used.push(jwt);
      over.abort();
    },
  });
  await loop.done;
  expect(used).toEqual(["new"]);
});

test("what is not due is renewed when the bus has refused it, and a refusal of the server ends it all", async () => {
  let refused: unknown;
  const revoked = new GalleyError("agent_revoked", "The agent was revoked.");
  const { loop } = start({
    held: held("fresh", 30 * 24 * 3_600_000),
    renew: () => Promise.reject(revoked),
    onRefused: (error) => {
      refused = error;
    },
  });
  loop.trigger();
  await loop.done;
  expect(refused).toBe(revoked);
});
