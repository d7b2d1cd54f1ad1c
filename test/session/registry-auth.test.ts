// Base images from registries that want a login: one that takes passwords, one that takes tokens.
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { SessionMethod } from "../../src/buildkit/index.js";
import {
  createRegistryAuth,
  type DockerConfig,
  type RegistryAuth,
} from "../../src/buildkit/session/index.js";
import {
  docker,
  type LabEngine,
  labName,
  labRegistry,
  onEachEngine,
  ownDockerConfig,
  purgeImage,
} from "../support/engines.js";
import { build, dialKinds, nonce, type Outcome } from "./session-build.js";
import { type TokenRegistry, tokenRegistry } from "./token-registry.js";

const { auth: locked, open } = labRegistry();
const encode = (username: string, password: string) =>
  Buffer.from(`${username}:${password}`).toString("base64");
const loginTo = (host: string, password = locked.password): DockerConfig => ({
  auths: { [host]: { auth: encode(locked.username, password) } },
});

let bin = "";
beforeAll(async () => {
  bin = await mkdtemp(join(tmpdir(), "auth-engine-"));
});
afterAll(() => rm(bin, { recursive: true }));

/** Pushes busybox under a name that no cache of the engine knows; the engine keeps no tag of it. */
async function push(engine: LabEngine, registry: string): Promise<string> {
  const name = labName("auth");
  const reference = `${registry}/${name}:1`;
  const config = await ownDockerConfig(engine, loginTo(locked.host));
  try {
    await docker(engine, ["tag", "busybox", reference]);
    await docker(engine, ["push", "-q", reference], { env: { DOCKER_CONFIG: config.folder } });
  } finally {
    await purgeImage(engine, reference);
    await config.remove();
  }
  return name;
}

/** The auth service, and the names of the calls that the daemon makes on it. */
function watched(auth: RegistryAuth): { service: RegistryAuth; calls: string[] } {
  const calls: string[] = [];
  const methods = Object.entries(auth.methods).map(([path, method]): [string, SessionMethod] => [
    path,
    async (call) => {
      calls.push(path.replace(/^.*\//, ""));
      await method(call);
    },
  ]);
  return { service: { ...auth, methods: Object.fromEntries(methods) }, calls };
}

function pull(
  engine: LabEngine,
  reference: string,
  auth: RegistryAuth,
  dial?: "upgrade" | "tunnel",
): Promise<Outcome> {
  return build(engine, `FROM ${reference}\nRUN echo ${nonce()}\n`, {
    services: [auth],
    credentialsSentTo: auth.sentTo,
    frontendAttrs: { "image-resolve-mode": "pull" },
    ...(dial === undefined ? {} : { dial }),
  });
}

onEachEngine((engine) => {
  describe("a registry that takes passwords", () => {
    test.each(dialKinds)("gives a base image to a login of the configuration, over %s", async (dial) => {
      const name = await push(engine, locked.host);
      const { service, calls } = watched(createRegistryAuth({ config: loginTo(locked.host) }));
      const { error, statuses } = await pull(engine, `${locked.host}/${name}:1`, service, dial);
      expect(error).toBeUndefined();
      expect(calls).toContain("Credentials");
      expect([...service.sentTo]).toEqual([locked.host]);
      expect(statuses).not.toContain(locked.password);
    });

    test("gives it to the login of a credential helper", async () => {
      const name = await push(engine, locked.host);
      const helper = join(bin, "docker-credential-galleytest");
      await writeFile(
        helper,
        `#!/bin/sh\n[ "$1 $(cat)" = "get ${locked.host}" ] && echo '{"Username":"${locked.username}","Secret":"${locked.password}"}'\n`,
      );
      await chmod(helper, 0o755);
      const config = { credHelpers: { [locked.host]: "galleytest" } };
      const auth = createRegistryAuth({ config, env: { PATH: `${bin}:${process.env.PATH}` } });
      expect((await pull(engine, `${locked.host}/${name}:1`, auth)).error).toBeUndefined();
    });

    test("is explained when the password is wrong, and the password is in no message", async () => {
      const name = await push(engine, locked.host);
      const wrong = `wrong-${nonce()}`;
      const auth = createRegistryAuth({ config: loginTo(locked.host, wrong) });
      const { error, statuses } = await pull(engine, `${locked.host}/${name}:1`, auth);
      expect(error).toMatchObject({ code: "registry_wrong_password" });
      expect(inspect(error, { depth: 10 }) + statuses).not.toContain(wrong);
    });

    test("asks for a login when there is none, also when the helper is missing", async () => {
      const name = await push(engine, locked.host);
      const warnings: string[] = [];
      const auth = createRegistryAuth({
        config: { credsStore: "galley-none" },
        onWarning: (warning) => warnings.push(warning),
      });
      expect((await pull(engine, `${locked.host}/${name}:1`, auth)).error).toMatchObject({
        code: "registry_login_required",
      });
      expect(warnings[0]).toContain("docker-credential-galley-none");
    });
  });

  describe("a registry that takes tokens", () => {
    let registry: TokenRegistry | undefined;
    afterEach(() => registry?.close());
    const { username, password } = locked;

    test.each([
      ["by OAuth2", true, ["POST password tester"]],
      ["by GET where it has no OAuth2", false, ["POST password tester", "GET tester"]],
    ])(
      "never shows the password to the daemon: this side fetches the token %s",
      async (_name, oauth, expected) => {
        registry = await tokenRegistry({ upstream: open, login: { username, password }, oauth });
        const name = await push(engine, open);
        const { service, calls } = watched(createRegistryAuth({ config: loginTo(registry.host) }));
        const { error, statuses } = await pull(engine, `${registry.host}/${name}:1`, service);
        expect(error).toBeUndefined();
        expect(calls).toContain("GetTokenAuthority");
        expect(calls).toContain("FetchToken");
        expect(calls).not.toContain("Credentials");
        expect(registry.asked.slice(0, expected.length)).toEqual(expected);
        expect(statuses).not.toContain(password);
      },
    );

    test("gives public images to an anonymous client", async () => {
      registry = await tokenRegistry({
        upstream: open,
        login: { username, password },
        oauth: true,
        anonymous: true,
      });
      const name = await push(engine, open);
      const auth = createRegistryAuth({ config: {} });
      expect((await pull(engine, `${registry.host}/${name}:1`, auth)).error).toBeUndefined();
      expect(new Set(registry.asked)).toEqual(new Set(["GET anonymous"]));
    });

    test("lets the daemon fetch the token where this side is told not to", async () => {
      registry = await tokenRegistry({ upstream: open, login: { username, password }, oauth: true });
      const name = await push(engine, open);
      const { service, calls } = watched(
        createRegistryAuth({ config: loginTo(registry.host), clientToken: false }),
      );
      expect((await pull(engine, `${registry.host}/${name}:1`, service)).error).toBeUndefined();
      expect(calls).toContain("Credentials");
      expect(calls).not.toContain("FetchToken");
    });

    test("is explained when the password is wrong, and the password is in no message", async () => {
      registry = await tokenRegistry({ upstream: open, login: { username, password }, oauth: true });
      const name = await push(engine, open);
      const wrong = `wrong-${nonce()}`;
      const auth = createRegistryAuth({ config: loginTo(registry.host, wrong) });
      const { error, statuses } = await pull(engine, `${registry.host}/${name}:1`, auth);
      expect(error).toMatchObject({ code: "registry_wrong_password" });
      expect(inspect(error, { depth: 10 }) + statuses).not.toContain(wrong);
    });
  });
});
