// Builds that do not fail by themselves: cancelled, timed out, cut off from their session, or never begun.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BuildKitClient } from "../../src/buildkit/index.js";
import { onEachEngine } from "../support/engines.js";
import { connectTo } from "./failing-build.js";
import { failureWhileRunning } from "./running-build.js";

onEachEngine((engine) => {
  let client: BuildKitClient;
  beforeAll(async () => {
    client = await connectTo(engine);
  });
  afterAll(() => client.close());

  test("a build that the caller aborts is cancelled, and says at which step", async () => {
    const abort = new AbortController();
    const error = await failureWhileRunning(client, () => abort.abort(), { signal: abort.signal });
    expect(error.code).toBe("cancelled");
    expect(error.failure?.step).toContain("RUN echo it runs");
  });

  test("a build that a deadline ends is no cancelled one", async () => {
    const abort = new AbortController();
    const late = () => abort.abort(new DOMException("too late", "TimeoutError"));
    expect((await failureWhileRunning(client, late, { signal: abort.signal })).code).toBe("timeout");
  });

  test("a session that is cut off during the build is told from a daemon that is gone", async () => {
    const cut = await connectTo(engine);
    const { transport } = cut;
    const open = transport.openSession.bind(transport);
    const sockets: { destroy(): void }[] = [];
    transport.openSession = async (...args) => {
      const socket = await open(...args);
      sockets.push(socket);
      return socket;
    };
    try {
      const error = await failureWhileRunning(cut, () => {
        for (const socket of sockets) socket.destroy();
      });
      expect(error.code).toBe("session_lost");
      expect(error.hint).toMatch(/\S/);
    } finally {
      cut.close();
    }
  });

  test("a socket that is not there, and one that this user may not use, are told apart", async () => {
    await expect(connectTo({ dockerHost: `${engine.dockerHost}.not-there` })).rejects.toMatchObject({
      code: "daemon_unreachable",
    });
    const nobody = 65534;
    process.seteuid?.(nobody);
    try {
      await expect(connectTo(engine)).rejects.toMatchObject({ code: "daemon_permission" });
    } finally {
      process.seteuid?.(0);
    }
  });
});
