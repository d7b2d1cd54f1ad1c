// What befalls the daemon itself: a disk that is full, and its death in the middle of a build.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BuildKitClient } from "../../src/buildkit/index.js";
import { onEachEngine } from "../support/engines.js";
import { connectTo, failureOf, failureOfDockerfile } from "./failing-build.js";
import { failureWhileRunning } from "./running-build.js";
import { type SmallEngine, smallEngine } from "./small-engine.js";

/** Enough for busybox and what the daemon writes down, on every store. */
const roomMegabytes = 128;

onEachEngine((labEngine) => {
  let engine: SmallEngine | undefined;
  let client: BuildKitClient;
  beforeAll(async () => {
    engine = await smallEngine(labEngine, 64);
    client = await connectTo(engine);
  });
  afterAll(async () => {
    client?.close();
    await engine?.remove();
  });

  test("a context that does not fit on the daemon's disk is the daemon's problem", async () => {
    const error = await failureOf(client, {
      files: { Dockerfile: "FROM scratch\nCOPY big /\n", big: Buffer.alloc(80 * 1024 * 1024, "x") },
    });
    expect(error.code).toBe("disk_full");
    expect(error.message).toContain("The daemon's disk is full");
    expect(error.hint).toContain("docker builder prune");
  });

  test("a step that fills the disk says at which step and line", async () => {
    await engine?.resize(roomMegabytes);
    const dockerfile = "FROM busybox\nRUN dd if=/dev/zero of=/big bs=1M count=300\n";
    const error = await failureOfDockerfile(client, dockerfile);
    expect(error.code).toBe("disk_full");
    expect(error.message).toContain("RUN dd if=/dev/zero");
    expect(error.message).toContain("line 2");
    expect(error.failure?.logTail?.join("\n")).toMatch(/no space left on device/i);
  });

  test("a daemon that dies during the build is gone, not unreachable, and its step is named", async () => {
    await engine?.resize(4 * roomMegabytes);
    const error = await failureWhileRunning(client, () => engine?.kill());
    expect(error.code).toBe("daemon_gone");
    expect(error.failure?.step).toContain("RUN echo it runs");
    // Whoever asks now is told that nobody is there.
    await expect(connectTo({ dockerHost: engine?.dockerHost ?? "" })).rejects.toMatchObject({
      code: "daemon_unreachable",
    });
  });
});
