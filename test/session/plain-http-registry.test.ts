// A registry with a token server over plain http that is not on loopback: an engine has to know it as insecure.
import { afterAll, beforeAll, expect, test } from "vitest";
import { BuildKitClient, createRegistryAuth } from "../../src/buildkit/index.js";
import { type SmallEngine, smallEngine } from "../failure/small-engine.js";
import {
  docker,
  type LabEngine,
  labEngines,
  labName,
  labRegistry,
  onEachEngine,
} from "../support/engines.js";
import { build, nonce } from "./session-build.js";
import { type TokenRegistry, tokenRegistry } from "./token-registry.js";

const { auth: login, open } = labRegistry();
// What an engine says of its insecure registries does not depend on its image store.
const labEngine = labEngines().find(({ name }) => name === "26") as LabEngine;
let engine: SmallEngine;
let own: LabEngine;
let registry: TokenRegistry;
beforeAll(async () => {
  engine = await smallEngine(labEngine, 64, { insecure: ["10.0.0.0/8", "named.example:5000"] });
  own = { ...labEngine, dockerHost: engine.dockerHost };
  const gateway = "{{(index .IPAM.Config 0).Gateway}}";
  const address = (await docker(own, ["network", "inspect", "bridge", "--format", gateway])).trim();
  registry = await tokenRegistry({ upstream: open, login, oauth: true, address });
});
afterAll(async () => {
  registry?.close();
  await engine?.remove();
});

test("A login is shown to a token server over plain http for a registry that the engine takes as insecure, and for no other.", async () => {
  const reference = `${open}/${labName("plain")}:1`;
  await docker(own, ["pull", "-q", "busybox"]);
  await docker(own, ["tag", "busybox", reference]);
  await docker(own, ["push", "-q", reference]);
  const wanted = reference.replace(open, registry.host);
  const auth = Buffer.from(`${login.username}:${login.password}`).toString("base64");
  const config = { auths: { [registry.host]: { auth } } };
  const from = (service: ReturnType<typeof createRegistryAuth>) =>
    build(own, `FROM ${wanted}\nRUN echo ${nonce()}\n`, {
      services: [service],
      frontendAttrs: { "image-resolve-mode": "pull" },
    });
  const refused = await from(createRegistryAuth({ config }));
  expect(refused.error).toMatchObject({ code: "registry_tls_untrusted" });
  expect(registry.asked).toEqual([]);

  const client = await BuildKitClient.connect(`docker+${engine.dockerHost}`);
  try {
    const plainHttp = (host: string, signal: AbortSignal) => client.takesPlainHttp(host, signal);
    expect((await from(createRegistryAuth({ config, plainHttp }))).error).toBeUndefined();
    expect(registry.asked).toContain(`POST password ${login.username}`);
    const never = new AbortController().signal;
    expect(await client.takesPlainHttp("named.example:5000", never)).toBe(true);
    expect(await client.takesPlainHttp("other.example:5000", never)).toBe(false);
  } finally {
    client.close();
  }
});

onEachEngine((each) => {
  test("Loopback is plain to every engine, other registries are not.", async () => {
    const client = await BuildKitClient.connect(`docker+${each.dockerHost}`);
    try {
      const never = new AbortController().signal;
      expect(await client.takesPlainHttp("127.0.0.1:5000", never)).toBe(true);
      expect(await client.takesPlainHttp("registry.example", never)).toBe(false);
    } finally {
      client.close();
    }
  });
});
