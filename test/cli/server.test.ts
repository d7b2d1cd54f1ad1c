import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { makeCertificates } from "../support/certificates.js";
import { freePorts, type NatsServer, startNats } from "../support/nats.js";
import { createPerson, type Person } from "./remote.js";

let directory = "";
let person: Person;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "galley-server-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => {
  person = createPerson();
});
afterEach(() => person.remove());

const settings = (text: string) =>
  Object.fromEntries(
    text
      .trim()
      .split("\n")
      .map((line) => line.split("=")),
  );

test("init makes keys once and prints what the server's .env needs; the server runs with it until SIGTERM", async () => {
  const [busPort = 0, port = 0] = await freePorts(2);
  const certificates = await makeCertificates(directory);
  const init = [
    "server",
    "init",
    "--dir",
    directory,
    "--bus-port",
    String(busPort),
    "--bus-host",
    "127.0.0.1",
    "--bus-tls-cert",
    certificates.certFile,
    "--bus-tls-key",
    certificates.keyFile,
  ];
  const first = await person.run(init);
  expect(first.code, first.stderr).toBe(0);
  const env = settings(first.stdout);
  expect(env).toMatchObject({ GALLEY_DATA_DIR: directory, GALLEY_BUS_DIR: join(directory, "bus") });
  expect(env.GALLEY_MASTER_KEY).toMatch(/^[0-9a-f]{64}$/);
  const config = join(directory, "bus/nats-server.conf");
  expect(statSync(config).mode & 0o777).toBe(0o600);
  const account = () => /system_account: \w+/.exec(readFileSync(config, "utf8"))?.[0];
  const before = account();
  const again = await person.run(init);
  expect(again.stderr).toContain("were there, and stay");
  expect(before).toBeDefined();
  expect(account()).toBe(before);

  let bus: NatsServer | undefined;
  try {
    bus = await startNats({ config: () => readFileSync(config, "utf8"), port: busPort });
    const server = person.start(["server"], {
      env: {
        ...env,
        GALLEY_HOST: "127.0.0.1",
        GALLEY_PORT: String(port),
        GALLEY_NATS_URL: `tls://127.0.0.1:${busPort}`,
        GALLEY_NATS_CA: certificates.caFile,
      },
    });
    await server.saw("the server listens");
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    const ready = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status;
    await expect.poll(ready, { timeout: 60_000, interval: 100 }).toBe(200);
    server.signal("SIGTERM");
    const { code, stdout, stderr } = await server.done;
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: "" });
    expect(stdout).not.toContain(env.GALLEY_MASTER_KEY);
  } finally {
    await bus?.remove();
  }
});

test("bad settings of a server are all named, and nothing is started", async () => {
  const { code, stderr } = await person.run(["server"], {
    env: {
      GALLEY_PORT: "eighty",
      GALLEY_MASTER_KEY: "short-secret",
      GALLEY_DATA_DIR: join(directory, "new"),
    },
  });
  expect(code, stderr).toBe(2);
  expect(stderr).toContain('GALLEY_PORT: found "eighty"');
  expect(stderr).toContain("GALLEY_MASTER_KEY");
  expect(stderr).not.toContain("short-secret");
  expect(existsSync(join(directory, "new"))).toBe(false);
});

test.each([
  [["server", "nonsense"], "too many arguments"],
  [["server", "init", "--bus-port", "0"], "--bus-port 0: not a port"],
  [["server", "init", "--bus-tls-cert", "bus.pem"], "are given together"],
  [["ingress", "--port", "x"], "--port x: not a port"],
])("galley %j is a usage error", async (args, sentence) => {
  const { code, stderr } = await person.run(args);
  expect(code, stderr).toBe(2);
  expect(stderr).toContain(sentence);
});
