import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { BuildKitClient, createFilesTree } from "../../src/buildkit/index.js";
import { docker, labName, onEachEngine } from "../support/engines.js";
import { buildkitdRelay, newEngineRelay, type Relay } from "./relay.js";

let folder: string;
let relay: Relay | undefined;
let client: BuildKitClient | undefined;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "galley-transport-"));
  makeCertificates();
});
afterEach(async () => {
  client?.close();
  client = undefined;
  await relay?.close();
  relay = undefined;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string) => join(folder, name);

/** One CA, a server for 127.0.0.1, a client; and another CA with a client that the server must not let in. */
function makeCertificates(): void {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const issue = (name: string, ca: string, extension: string) => {
    writeFileSync(file(`${name}.ext`), extension);
    openssl("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    const signed = ["-CA", `${ca}.pem`, "-CAkey", `${ca}.key`, "-CAcreateserial", "-days", "2"];
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      ...signed,
      "-out",
      `${name}.pem`,
      "-extfile",
      `${name}.ext`,
    );
  };
  for (const ca of ["ca", "foreign"]) {
    openssl(
      "req",
      "-x509",
      ...key,
      "-keyout",
      `${ca}.key`,
      "-out",
      `${ca}.pem`,
      "-days",
      "2",
      "-subj",
      `/CN=${ca}`,
    );
  }
  issue("server", "ca", "subjectAltName=IP:127.0.0.1");
  issue("client", "ca", "extendedKeyUsage=clientAuth");
  issue("stranger", "foreign", "extendedKeyUsage=clientAuth");
}

const serverTls = () => ({
  ca: readFileSync(file("ca.pem")),
  cert: readFileSync(file("server.pem")),
  key: readFileSync(file("server.key")),
  requestCert: true,
  rejectUnauthorized: true,
});
const tlsTarget = (address: string, ca: string, name: string) =>
  `tcp://${address}?ca=${file(`${ca}.pem`)}&cert=${file(`${name}.pem`)}&key=${file(`${name}.key`)}`;

/** Builds something that needs the session (files) and says something (status). */
async function expectToBuild(connected: BuildKitClient): Promise<void> {
  const text = randomBytes(8).toString("hex");
  const tree = createFilesTree(
    new Map<string, string | Buffer>([
      ["Dockerfile", "FROM busybox\nCOPY a /a\nRUN cat /a\n"],
      ["a", text],
      // More than one HTTP/2 window and gRPC message, so that flow control is used.
      ["big", randomBytes(3_000_000)],
    ]),
  );
  let log = "";
  await connected.solve({
    trees: { context: tree, dockerfile: tree },
    onStatus: ({ logs }) => {
      for (const { data } of logs) log += Buffer.from(data).toString();
    },
  });
  expect(log).toContain(text);
}

onEachEngine((engine) => {
  const engineSocket = engine.dockerHost.slice("unix://".length);

  test("a buildkitd on a Unix socket builds (a relay to the engine's BuildKit stands in for buildkitd)", async () => {
    relay = await buildkitdRelay(engineSocket, file(`bk-${engine.name}.sock`));
    client = await BuildKitClient.connect(`unix://${relay.address}`);
    expect(client.transport).toMatchObject({ kind: "buildkitd", route: "direct" });
    expect(client.engine).toBeUndefined();
    await expectToBuild(client);
  });

  test("a buildkitd on TCP with mTLS builds (relay)", async () => {
    relay = await buildkitdRelay(engineSocket, 0, serverTls());
    client = await BuildKitClient.connect(tlsTarget(relay.address, "ca", "client"));
    await expectToBuild(client);
  });

  test("an engine that speaks HTTP/2 itself is driven without upgrade (a relay stands in for API 1.53)", async () => {
    relay = await newEngineRelay(engineSocket, file(`new-${engine.name}.sock`), { http2: true });
    client = await BuildKitClient.connect(`docker+unix://${relay.address}`);
    expect(client.transport).toMatchObject({ kind: "docker", route: "direct" });
    expect(client.engine?.apiVersion).toBe("1.53");
    await expectToBuild(client);
  });

  test("an engine of API 1.53 that refuses HTTP/2 is driven by upgrade (relay)", async () => {
    relay = await newEngineRelay(engineSocket, file(`old-${engine.name}.sock`), { http2: false });
    client = await BuildKitClient.connect(`docker+unix://${relay.address}`);
    expect(client.transport.route).toBe("upgrade");
    await expectToBuild(client);
  });

  test("a Docker Engine behind ssh builds (a script stands in for ssh)", async () => {
    const bin = file(`bin-${engine.name}`);
    mkdirSync(bin, { recursive: true });
    const log = file(`ssh-${engine.name}.log`);
    writeFileSync(
      join(bin, "ssh"),
      `#!${process.execPath}
require("node:fs").appendFileSync(${JSON.stringify(log)}, JSON.stringify(process.argv.slice(2)) + "\\n");
const socket = require("node:net").connect(${JSON.stringify(engineSocket)});
process.stdin.pipe(socket);
socket.pipe(process.stdout);
socket.on("close", () => process.exit(0));
`,
    );
    chmodSync(join(bin, "ssh"), 0o755);
    client = await BuildKitClient.connect("docker+ssh://me@far:2222", {
      env: { PATH: `${bin}:${process.env.PATH}` },
    });
    expect(client.engine?.version).toMatch(new RegExp(`^${engine.version}\\.`));
    await expectToBuild(client);
    const [first] = readFileSync(log, "utf8").split("\n");
    expect(JSON.parse(first ?? "").slice(-8)).toEqual(
      ["-l", "me", "-p", "2222", "--", "far", "docker", "system", "dial-stdio"].slice(-8),
    );
  });

  test("a buildkitd in a container builds (its buildctl is a script that leads to the engine's BuildKit)", async () => {
    const name = labName("builder");
    const script = file(`buildctl-${engine.name}`);
    writeFileSync(
      script,
      `#!/usr/local/bin/node
if (process.argv.slice(2).join(" ") !== "dial-stdio") process.exit(64);
const call = require("node:http").request({ socketPath: "/docker.sock", method: "POST", path: "/grpc",
  headers: { Connection: "Upgrade", Upgrade: "h2c" } });
process.stderr.write("noise that must not get into the stream\\n");
call.on("upgrade", (_a, socket, head) => {
  process.stdout.write(head);
  process.stdin.pipe(socket);
  socket.pipe(process.stdout);
});
call.end();
`,
    );
    chmodSync(script, 0o755);
    const node = (await docker(engine, ["run", "--rm", "node:22", "node", "-p", "process.execPath"])).trim();
    writeFileSync(script, readFileSync(script, "utf8").replace("/usr/local/bin/node", node));
    const mounts = ["-v", `${script}:/usr/local/bin/buildctl:ro`, "-v", `${engineSocket}:/docker.sock`];
    await docker(engine, ["run", "-d", "--rm", "--name", name, ...mounts, "node:22", "sleep", "600"]);
    try {
      const env = { DOCKER_HOST: engine.dockerHost };
      client = await BuildKitClient.connect(`docker-container://${name}`, { env });
      expect(client.transport).toMatchObject({ kind: "docker-container", route: "exec" });
      await expectToBuild(client);
      client.close();
      // The execs end with their connections.
      await expect.poll(() => docker(engine, ["top", name])).not.toContain("dial-stdio");
    } finally {
      await docker(engine, ["rm", "-f", name]);
    }
  });

  test("a container without buildctl says what is missing", async () => {
    const name = labName("builder");
    await docker(engine, ["run", "-d", "--rm", "--name", name, "busybox", "sleep", "600"]);
    try {
      const env = { DOCKER_HOST: engine.dockerHost };
      const refused = BuildKitClient.connect(`docker-container://${name}`, { env });
      await expect(refused).rejects.toMatchObject({
        code: "daemon_unreachable",
        message: /buildctl/,
        hint: /moby\/buildkit/,
      });
    } finally {
      await docker(engine, ["rm", "-f", name]);
    }
  });

  test("a container that is not there, or stopped, is refused with its name", async () => {
    const env = { DOCKER_HOST: engine.dockerHost };
    const refused = BuildKitClient.connect("docker-container://galley-no-such", { env });
    await expect(refused).rejects.toMatchObject({ code: "daemon_unreachable", message: /galley-no-such/ });
  });
});

test("a server whose certificate another CA signed is not trusted, and the hint says what to give", async () => {
  relay = await buildkitdRelay("/nowhere", 0, serverTls());
  const refused = BuildKitClient.connect(tlsTarget(relay.address, "foreign", "client"));
  await expect(refused).rejects.toMatchObject({
    code: "daemon_unreachable",
    message: /not trusted/,
    hint: /ca\.pem|ca=FILE/,
  });
});

test("a client whose certificate the server refuses is told so", async () => {
  relay = await buildkitdRelay("/nowhere", 0, serverTls());
  const refused = BuildKitClient.connect(tlsTarget(relay.address, "ca", "stranger"));
  await expect(refused).rejects.toMatchObject({
    code: "daemon_unreachable",
    message: /refused this client's TLS certificate/,
  });
});

test("a server name that is not in the certificate is refused", async () => {
  relay = await buildkitdRelay("/nowhere", 0, serverTls());
  const target = `${tlsTarget(relay.address, "ca", "client")}&servername=elsewhere.test`;
  await expect(BuildKitClient.connect(target)).rejects.toMatchObject({ message: /for another name/ });
});

test.each([
  [
    "a socket that is not there",
    "docker+unix:///nowhere/docker.sock",
    "daemon_unreachable",
    /no daemon's socket/,
  ],
  ["a port where nobody listens", "docker+tcp://127.0.0.1:1", "daemon_unreachable", /Nobody answers/],
  [
    "a buildkitd that is not there",
    "unix:///nowhere/buildkitd.sock",
    "daemon_unreachable",
    /no daemon's socket/,
  ],
  [
    "a host without a name",
    "tcp://no-such-host.invalid:1234",
    "daemon_unreachable",
    /name could not be resolved/,
  ],
])("%s is a clear error with a hint", async (_what, target, code, message) => {
  const refused = BuildKitClient.connect(target);
  await expect(refused).rejects.toMatchObject({ code, message, hint: expect.stringMatching(/\w/) });
});

test("something that is no Docker Engine is named as such", async () => {
  const path = file("odd.sock");
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    const refused = BuildKitClient.connect(`docker+unix://${path}`);
    await expect(refused).rejects.toMatchObject({
      code: "daemon_unreachable",
      message: /No Docker Engine answers/,
    });
  } finally {
    server.close();
  }
});

test("a socket that this user may not open is a matter of permission", () => {
  const path = file("closed.sock");
  // Root may open everything: another user tries.
  const script = `import { createServer } from "node:net";
    const { BuildKitClient } = await import(process.argv[1]);
    createServer().listen(${JSON.stringify(path)}, async () => {
      (await import("node:fs")).chmodSync(${JSON.stringify(path)}, 0);
      process.setuid(65534);
      const error = await BuildKitClient.connect("docker+unix://${path}").catch((error) => error);
      console.log(JSON.stringify({ code: error.code, hint: error.hint }));
      process.exit(0);
    });`;
  chmodSync(folder, 0o755);
  const bundle = join(folder, "client.mjs");
  const esbuild = join(process.cwd(), "node_modules/.bin/esbuild");
  execFileSync(
    esbuild,
    [
      "src/buildkit/index.ts",
      "--bundle",
      "--platform=node",
      "--format=esm",
      `--outfile=${bundle}`,
      "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    ],
    { stdio: "pipe" },
  );
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", script, bundle], {
    encoding: "utf8",
  });
  expect(JSON.parse(said)).toMatchObject({
    code: "daemon_permission",
    hint: expect.stringContaining("docker"),
  });
});
