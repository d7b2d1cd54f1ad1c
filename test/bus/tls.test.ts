import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  connectBus,
  ensureJobConsumer,
  ensureStreams,
  openJobQueue,
  publishJob,
  serverCredential,
} from "../../src/bus/index.js";
import { startBus, type TestBus } from "../support/bus.js";
import { type Certificates, makeCertificates } from "../support/certificates.js";
import { natsVersions } from "../support/nats.js";

const soon = () => AbortSignal.timeout(60_000);
const versions = (await natsVersions()).filter((version) => version !== "2.10");

describe.each(versions)("a bus with TLS, nats-server %s", (version) => {
  let folder: string;
  let certificates: Certificates;
  let bus: TestBus;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "galley-tls-"));
    certificates = await makeCertificates(folder);
    bus = await startBus(version, { certificates });
  });
  afterAll(async () => {
    await bus?.remove();
    await rm(folder, { recursive: true, force: true });
  });
  const connecting = async (servers: string, caFile?: string) => {
    const { jwt, seed } = await serverCredential(bus.keys);
    return connectBus({
      servers,
      caFile,
      credential: () => jwt,
      seed,
      inbox: "_INBOX_server",
      name: "server",
      log: bus.log,
      signal: soon(),
      connectTimeoutMs: 15_000,
    });
  };
  const refusal = async (servers: string, caFile?: string) =>
    connecting(servers, caFile).then(
      async (connection) => {
        await connection.close();
        return "connected";
      },
      (error: unknown) => error,
    );

  test("carries jobs from server to agent, also after it was away", async () => {
    const server = await bus.connectServer();
    await ensureStreams(server, { signal: soon() });
    await ensureJobConsumer(server, "a1", { signal: soon() });
    const { connection } = await bus.connectAgent("a1");
    const back = Promise.all(
      [server, connection].map((one) => new Promise<void>((resolve) => one.on("back", resolve))),
    );
    await bus.server.kill();
    await bus.server.start();
    await back;
    const queue = openJobQueue({ connection, agent: "a1", log: bus.log });
    await publishJob(server, "a1", { v: 1, deployment: "d1", kind: "deploy" });
    const job = await queue.next(soon());
    expect(job.message.deployment).toBe("d1");
    expect(await job.ack(soon())).toBe(true);
    queue.close();
  });

  test("is believed only with a certificate of an authority that is known here, and for the name that was asked for", async () => {
    const notAccepted = {
      code: "bus_refused",
      message: expect.stringContaining("certificate"),
      hint: expect.stringContaining("GALLEY_NATS_CA"),
    };
    expect(await refusal(bus.server.url)).toMatchObject(notAccepted);
    expect(await refusal(bus.server.url.replace("tls:", "nats:"))).toMatchObject(notAccepted);
    expect(
      await refusal(bus.server.url.replace("127.0.0.1", "localhost"), certificates.caFile),
    ).toMatchObject(notAccepted);
    const other = await mkdtemp(join(folder, "other-"));
    const { caFile } = await makeCertificates(other);
    expect(await refusal(bus.server.url, caFile)).toMatchObject(notAccepted);
  });

  test("a file of authorities that is not there, or is none, is named", async () => {
    expect(await refusal(bus.server.url, join(folder, "nothing.pem"))).toMatchObject({
      code: "config_invalid",
    });
    await writeFile(join(folder, "empty.pem"), "-----\n");
    expect(await refusal(bus.server.url, join(folder, "empty.pem"))).toMatchObject({
      code: "config_invalid",
    });
  });

  test("is not replaced by one without TLS, to which nothing is said", async () => {
    const plain = await startBus(version);
    try {
      const noTls = { code: "bus_refused", message: expect.stringContaining("speaks no TLS") };
      expect(await refusal(plain.server.url.replace("nats:", "tls:"), certificates.caFile)).toMatchObject(
        noTls,
      );
      expect(await refusal(plain.server.url, certificates.caFile)).toMatchObject(noTls);
    } finally {
      await plain.remove();
    }
  });
});
