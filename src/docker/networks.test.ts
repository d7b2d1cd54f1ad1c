import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { expect, test } from "vitest";
import { connectDocker, createNetwork } from "./index.js";

test("a network has no IPv6, also where the engine's settings give it to every network", async () => {
  const folder = await mkdtemp(join(tmpdir(), "galley-networks-"));
  const asked: unknown[] = [];
  const engine = createServer(async (request, response) => {
    asked.push(await json(request));
    response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify({ Id: "made" }));
  });
  try {
    const socketPath = join(folder, "docker.sock");
    engine.listen(socketPath);
    await once(engine, "listening");
    const spec = { name: "galley-pv-a", labels: { a: "b" }, subnet: "10.213.0.0/28" };
    const signal = AbortSignal.timeout(20_000);
    expect(await createNetwork(await connectDocker({ socketPath }), spec, signal)).toBe("made");
    expect(asked).toMatchObject([
      { Name: "galley-pv-a", EnableIPv6: false, IPAM: { Config: [{ Subnet: "10.213.0.0/28" }] } },
    ]);
  } finally {
    engine.close();
    await rm(folder, { recursive: true });
  }
});
