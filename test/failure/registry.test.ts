// What can go wrong between a daemon and a registry, as each engine says it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildKitClient, BuildKitError } from "../../src/buildkit/index.js";
import { createRegistryAuth } from "../../src/buildkit/session/index.js";
import { labRegistry, onEachEngine } from "../support/engines.js";
import { connectTo, failureOfDockerfile, guiltyLines } from "./failing-build.js";
import {
  deniedRegistry,
  foreignPlatformRegistry,
  plainHttpRegistry,
  refusingRegistry,
  type StandIn,
  selfSignedRegistry,
  silentRegistry,
  strictTokenRegistry,
} from "./registry-stand-in.js";

const basic = (text: string) => Buffer.from(text).toString("base64");

onEachEngine((engine) => {
  let client: BuildKitClient;
  const standIns: StandIn[] = [];
  const open = async (registry: Promise<StandIn>) => {
    const standIn = await registry;
    standIns.push(standIn);
    return standIn.host;
  };
  beforeAll(async () => {
    client = await connectTo(engine);
  });
  afterAll(async () => {
    client.close();
    for (const standIn of standIns) await standIn.close();
  });

  const from = (image: string) => failureOfDockerfile(client, `ARG A\nFROM ${image}\nRUN true\n`);
  /** The same of another image, since the daemon looks up one image once for all who ask; with a login for the host. */
  function fromAs(login: string, host: string): Promise<BuildKitError> {
    const auth = createRegistryAuth({ config: { auths: { [host]: { auth: basic(login) } } } });
    const options = { services: [auth], credentialsSentTo: auth.sentTo };
    return failureOfDockerfile(client, `FROM ${host}/x/private:1\nRUN true\n`, options);
  }

  describe.concurrent("a base image", () => {
    test("whose repository is missing is told from one whose tag is missing, each with its line", async () => {
      const { open: registry } = labRegistry();
      const repository = await from(`${registry}/no/such/repository:1`);
      expect(repository.code).toBe("base_image_not_found");
      expect(repository.message).toContain(`${registry}/no/such/repository:1`);
      expect(repository.message).toContain("has no such repository.");
      expect(guiltyLines(repository)).toEqual([2]);
      for (const image of [
        `${registry}/library/busybox:no-such-tag`,
        `${registry}/library/busybox@sha256:${"a".repeat(64)}`,
      ]) {
        const missing = await from(image);
        expect(missing.code).toBe("tag_not_found");
        expect(missing.message).toContain("the repository is there");
        expect(guiltyLines(missing)).toEqual([2]);
      }
    });

    test("that a registry does not have, which does not say more, is named with both reasons", async () => {
      const error = await from(`${await open(refusingRegistry(404, "MANIFEST_UNKNOWN"))}/x/y:1`);
      expect(error.code).toBe("base_image_not_found");
      expect(error.message).toContain("no such repository, or the repository has no such tag");
    });

    test("of COPY --from is looked for in its own line", async () => {
      const { open: registry } = labRegistry();
      const error = await failureOfDockerfile(
        client,
        `FROM busybox\nCOPY --from=${registry}/no/such:1 /a /b\n`,
      );
      expect(error.code).toBe("base_image_not_found");
      expect(guiltyLines(error)).toEqual([2]);
    });

    test("that is a misspelt stage proposes the stage", async () => {
      const dockerfile = "FROM busybox AS builder\nFROM busybox\nCOPY --from=biulder /bin/sh /x\n";
      expect((await failureOfDockerfile(client, dockerfile)).hint).toContain(
        "Did you mean the stage builder?",
      );
    });

    test("for another platform is told from one that is missing", async () => {
      const error = await from(`${await open(foreignPlatformRegistry())}/x/y:1`);
      expect(error.code).toBe("platform_unsupported");
      expect(error.message).toContain("/x/y:1");
    });
  });

  describe.concurrent("a registry", () => {
    test("that wants a login says for which host", async () => {
      const { host } = labRegistry().auth;
      const error = await from(`${host}/x/y:1`);
      expect(error.code).toBe("registry_login_required");
      expect(error.hint).toContain(`docker login ${host}`);
      expect(guiltyLines(error)).toEqual([2]);
    });

    test("that does not accept the password says so, and the password is in no part of the error", async () => {
      const { host, username } = labRegistry().auth;
      const error = await fromAs(`${username}:hunter2`, host);
      expect(error.code).toBe("registry_wrong_password");
      expect(`${error.stack}${JSON.stringify(error)}`).not.toMatch(/hunter2|aHVudGVyMg/);
    });

    test("whose token server wants a login is told from one that does not accept the one it got", async () => {
      const host = await open(strictTokenRegistry());
      expect((await from(`${host}/x/y:1`)).code).toBe("registry_login_required");
      expect((await fromAs("tester:hunter2", host)).code).toBe("registry_wrong_password");
    });

    test("that denies a repository to everybody asks for a login, or for another name", async () => {
      const host = await open(deniedRegistry());
      expect((await from(`${host}/x/y:1`)).code).toBe("registry_login_required");
      const logged = await fromAs("tester:right", host);
      expect(logged.code).toBe("base_image_not_found");
      expect(logged.message).toContain("does not exist");
    });

    test("that limits requests is told from one that is down", async () => {
      const limited = await from(
        `${await open(refusingRegistry(429, "TOOMANYREQUESTS", { "retry-after": "60" }))}/x/y:1`,
      );
      expect(limited.code).toBe("registry_rate_limited");
      expect(limited.hint).toContain("mirror");
      expect((await from(`${await open(refusingRegistry(503, "UNAVAILABLE"))}/x/y:1`)).code).toBe(
        "registry_unreachable",
      );
    });

    test("where nobody listens cannot be reached", async () => {
      const error = await from("127.0.0.1:1/x/y:1");
      expect(error.code).toBe("registry_unreachable");
      expect(error.message).toContain("127.0.0.1:1");
      expect(error.message).toContain("connection refused");
    });

    test("whose name cannot be resolved is named", async () => {
      const error = await from("registry.invalid/x/y:1");
      expect(error.code).toBe("registry_dns");
      expect(error.message).toContain("registry.invalid");
    });

    test("that never answers is given up after a while, with its name", async () => {
      const registry = await silentRegistry();
      const host = await open(Promise.resolve(registry));
      const [error, asked] = await Promise.all([
        failureOfDockerfile(client, `FROM ${host}/x/y:1\n`, { metadataTimeoutMs: 3000 }),
        registry.asked,
      ]);
      expect(error.code).toBe("registry_unreachable");
      expect(error.message).toContain(`${host}/x/y:1 has not said anything`);
      expect(asked).toContain("/v2/");
    });

    test("whose certificate nobody trusts says where the CA belongs", async () => {
      const error = await from(`${await open(selfSignedRegistry())}/x/y:1`);
      expect(error.code).toBe("registry_tls_untrusted");
      expect(error.hint).toContain("certs.d");
    });

    test("without TLS, where the daemon expects it, says so", async () => {
      const error = await from(`${await open(plainHttpRegistry())}/x/y:1`);
      expect(error.code).toBe("registry_tls_untrusted");
      expect(error.hint).toContain("insecure-registries");
    });
  });

  // Only the containerd store pushes as part of a build.
  if (engine.store === "containerd") {
    test("a push that nobody may do asks for a login", async () => {
      const { host } = labRegistry().auth;
      const error = await failureOfDockerfile(client, "FROM busybox\n", {
        exports: [{ type: "moby", attrs: { name: `${host}/x/push:1`, push: "true" } }],
      });
      expect(error.code).toBe("registry_login_required");
      expect(error.message).toContain(host);
    });
  }
});
