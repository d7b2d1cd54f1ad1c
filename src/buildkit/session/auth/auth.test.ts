import { createPublicKey, randomBytes, verify } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Auth } from "../../../../proto/index.js";
import { openPeer, type Peer } from "../peer.testing.js";
import { rpcStatus } from "../service.js";
import type { DockerConfig } from "./docker-config.js";
import { createRegistryAuth, type RegistryAuthOptions } from "./service.js";
import { checkRealm } from "./token.js";

const { Credentials, FetchToken, GetTokenAuthority, VerifyTokenAuthority } = Auth.methods;
const login = (pair: string): DockerConfig => ({
  auths: { "r.example": { auth: Buffer.from(pair).toString("base64") } },
});
const peers: Peer[] = [];
const servers: Server[] = [];
let bin = "";

beforeAll(async () => {
  bin = await mkdtemp(join(tmpdir(), "auth-test-"));
});
afterAll(() => rm(bin, { recursive: true }));
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await Promise.all(peers.splice(0).map((peer) => peer.close()));
});

async function daemon(options: Partial<RegistryAuthOptions>) {
  const heard: unknown[] = [];
  const peer = await openPeer([createRegistryAuth({ config: {}, ...options })], "tcp", {
    onCallError: (error) => heard.push(error),
  });
  peers.push(peer);
  const credentials = async (host = "r.example") => {
    const { messages } = await peer.call(Credentials.path, [Credentials.encodeRequest({ host })]);
    const { username, secret } = Credentials.decodeResponse(messages[0]!);
    return { username, secret };
  };
  const token = async (realm: string, scopes = ["repository:a:pull"]) => {
    const request = { clientId: "buildkit-client", host: "r.example", realm, service: "svc", scopes };
    const { messages, status, message } = await peer.call(FetchToken.path, [
      FetchToken.encodeRequest(request),
    ]);
    const answer = messages[0] && FetchToken.decodeResponse(messages[0]);
    const seconds = answer && {
      expiresIn: answer.expiresIn.toNumber(),
      issuedAt: answer.issuedAt.toNumber(),
    };
    return { status, message, token: answer?.token, ...seconds, error: heard[0] };
  };
  return { peer, credentials, token };
}

interface Seen {
  readonly method: string;
  readonly url: URL;
  readonly authorization: string | undefined;
  readonly form: Record<string, string>;
}

/** A token server on loopback. */
async function tokenServer(
  answer: (seen: Seen, response: ServerResponse) => void,
): Promise<{ realm: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const entry = {
      method: request.method ?? "",
      url: new URL(request.url ?? "", "http://x"),
      authorization: request.headers.authorization,
      form: Object.fromEntries(new URLSearchParams(body)),
    };
    seen.push(entry);
    answer(entry, response);
  });
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, seen };
}
const json = (response: ServerResponse, value: unknown, status = 200) =>
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));

async function helper(name: string, script: string): Promise<void> {
  const path = join(bin, `docker-credential-${name}`);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}
const env = () => ({ PATH: `${bin}:${process.env.PATH}` });

describe("credentials", () => {
  test("come from the configuration, and are empty for a registry it does not know", async () => {
    const { credentials } = await daemon({ config: login("u:p") });
    expect(await credentials()).toEqual({ username: "u", secret: "p" });
    expect(await credentials("other.example")).toEqual({ username: "", secret: "" });
  });

  test("that were shown are remembered by registry, and looking them up shows nothing", async () => {
    const auth = createRegistryAuth({ config: login("u:p") });
    const peer = await openPeer([auth]);
    peers.push(peer);
    expect(await auth.credentials("r.example")).toEqual({ kind: "password", username: "u", password: "p" });
    expect([...auth.sentTo]).toEqual([]);
    for (const host of ["other.example", "r.example"]) {
      await peer.call(Credentials.path, [Credentials.encodeRequest({ host })]);
    }
    expect([...auth.sentTo]).toEqual(["r.example"]);
  });

  test("are an identity token without a user name", async () => {
    const { credentials } = await daemon({ config: { auths: { "r.example": { identitytoken: "id" } } } });
    expect(await credentials()).toEqual({ username: "", secret: "id" });
  });

  test("come from a helper that is told the registry over stdin and is asked once", async () => {
    const log = join(bin, "log");
    await helper("fine", `echo "$@ $(cat)" >> ${log}; echo '{"Username":"hu","Secret":"hs"}'`);
    const { credentials } = await daemon({ config: { credHelpers: { "r.example": "fine" } }, env: env() });
    expect(await Promise.all([credentials(), credentials()])).toEqual(
      Array(2).fill({ username: "hu", secret: "hs" }),
    );
    expect(await readFile(log, "utf8")).toBe("get r.example\n");
  });

  test("that a helper gives as a token are an identity token", async () => {
    await helper("token", `cat >/dev/null; echo '{"Username":"<token>","Secret":"refresh"}'`);
    const { credentials } = await daemon({ config: { credsStore: "token" }, env: env() });
    expect(await credentials()).toEqual({ username: "", secret: "refresh" });
  });

  test("that a helper does not have are looked for in the file, without a warning", async () => {
    await helper("empty", "echo 'credentials not found in native keychain'; exit 1");
    const warnings: string[] = [];
    const config = { ...login("u:p"), credsStore: "empty" };
    const { credentials } = await daemon({ config, env: env(), onWarning: (text) => warnings.push(text) });
    expect(await credentials()).toEqual({ username: "u", secret: "p" });
    expect(warnings).toEqual([]);
  });

  test.each([
    ["is not installed", "missing-helper", undefined, "it is not installed"],
    ["fails", "failing", "echo hunter2; exit 3", "exit code 3"],
    ["answers nonsense", "nonsense", "echo hunter2", "not JSON"],
    ["has a name that is a path", "../evil", undefined, "not a helper's name"],
  ])(
    "are anonymous, with a warning that quotes nothing, when the helper %s",
    async (_name, name, script, reason) => {
      if (script) await helper(name, script);
      const warnings: string[] = [];
      const options = {
        config: { credsStore: name },
        env: env(),
        onWarning: (text: string) => warnings.push(text),
      };
      const { credentials } = await daemon(options);
      expect(await credentials()).toEqual({ username: "", secret: "" });
      expect(warnings).toEqual([expect.stringContaining(reason)]);
      expect(warnings[0]).toContain("r.example");
      expect(warnings[0]).not.toContain("hunter2");
    },
  );
});

describe("a token", () => {
  test("is for reading alone where nothing may be written, whatever the daemon asks for", async () => {
    const { realm, seen } = await tokenServer((_, response) => json(response, { access_token: "T" }));
    const { token } = await daemon({ config: login("u:p"), readOnly: true });
    const asked = [
      "repository:team/app:pull,push",
      "repository:a:push",
      "registry:catalog:*",
      "repository:b:pull",
    ];
    expect(await token(realm, asked)).toMatchObject({ status: 0, token: "T" });
    expect(seen[0]?.form.scope).toBe("repository:team/app:pull repository:b:pull");
  });

  test("is fetched with the password by OAuth2, with expiry and time of issue", async () => {
    const { realm, seen } = await tokenServer((_, response) =>
      json(response, { access_token: "T", expires_in: 300, issued_at: "2026-01-02T03:04:05Z" }),
    );
    const { token } = await daemon({ config: login("u:p") });
    const answer = await token(realm, ["repository:a:pull", "repository:b:pull"]);
    expect(answer).toMatchObject({ status: 0, token: "T", expiresIn: 300, issuedAt: 1767323045 });
    expect(seen).toMatchObject([{ method: "POST", authorization: undefined }]);
    expect(seen[0]?.form).toEqual({
      client_id: "buildkit-client",
      service: "svc",
      scope: "repository:a:pull repository:b:pull",
      grant_type: "password",
      username: "u",
      password: "p",
    });
  });

  test("is fetched with an identity token as the refresh token", async () => {
    const { realm, seen } = await tokenServer((_, response) => json(response, { access_token: "T" }));
    const { token } = await daemon({ config: { auths: { "r.example": { identitytoken: "id" } } } });
    expect(await token(realm)).toMatchObject({ token: "T", expiresIn: 60, issuedAt: 0 });
    expect(seen[0]?.form).toMatchObject({ grant_type: "refresh_token", refresh_token: "id" });
  });

  test.each([401, 404, 405])("is fetched by GET where POST gives %i", async (status) => {
    const { realm, seen } = await tokenServer(({ method }, response) =>
      method === "POST" ? json(response, {}, status) : json(response, { token: "G" }),
    );
    const { token } = await daemon({ config: login("u:p") });
    expect(await token(`${realm}?account=x`)).toMatchObject({ token: "G" });
    expect(seen[1]).toMatchObject({
      method: "GET",
      authorization: `Basic ${Buffer.from("u:p").toString("base64")}`,
    });
    expect(Object.fromEntries(seen[1]!.url.searchParams)).toEqual({
      account: "x",
      service: "svc",
      scope: "repository:a:pull",
    });
  });

  test("is fetched without a login for an anonymous client", async () => {
    const { realm, seen } = await tokenServer((_, response) => json(response, { token: "A" }));
    const { token } = await daemon({});
    expect(await token(realm, ["s1", "s2"])).toMatchObject({ token: "A" });
    expect(seen).toMatchObject([{ method: "GET", authorization: undefined }]);
    expect(seen[0]?.url.searchParams.getAll("scope")).toEqual(["s1", "s2"]);
  });

  test("of the configuration is handed out as it is", async () => {
    const { token } = await daemon({ config: { auths: { "r.example": { registrytoken: "R" } } } });
    expect(await token("https://token.invalid/")).toMatchObject({ token: "R" });
  });

  test("is kept for nine tenths of its life, per scopes", async () => {
    let count = 0;
    let now = 1_000_000;
    const { realm, seen } = await tokenServer((_, response) =>
      json(response, { token: `T${++count}`, expires_in: 100 }),
    );
    const { token } = await daemon({ now: () => now });
    const tokens = [
      await token(realm, ["a", "b"]),
      await token(realm, ["b", "a"]),
      await token(realm, ["a"]),
    ];
    now += 89_000;
    tokens.push(await token(realm, ["a", "b"]));
    now += 2000;
    tokens.push(await token(realm, ["a", "b"]));
    expect(tokens.map(({ token }) => token)).toEqual(["T1", "T1", "T2", "T1", "T3"]);
    expect(seen).toHaveLength(3);
  });

  test.each([
    ["a refused login", 401, {}, "registry_wrong_password"],
    ["a refused login by 403", 403, {}, "registry_wrong_password"],
    ["too many requests", 429, {}, "registry_rate_limited"],
    ["a broken server", 500, {}, "registry_unreachable"],
    ["an answer without a token", 200, { hunter2: "hunter2" }, "protocol_violation"],
    ["an answer without end", 200, { x: "hunter2".repeat(200_000) }, "registry_unreachable"],
  ])(
    "that cannot be had because of %s is explained without the secrets",
    async (_name, status, body, code) => {
      const { realm } = await tokenServer((_, response) => json(response, body, status));
      const { token } = await daemon({ config: login("u:hunter2") });
      const answer = await token(realm);
      expect(answer.error).toMatchObject({ code });
      expect(answer.status).toBe(rpcStatus.unknown);
      expect(answer.message).toContain("r.example");
      expect(answer.message).not.toContain("hunter2");
    },
  );

  test("that an anonymous client is refused asks for a login", async () => {
    const { realm } = await tokenServer((_, response) => json(response, {}, 401));
    const { token } = await daemon({});
    expect((await token(realm)).error).toMatchObject({ code: "registry_login_required" });
  });

  test("that nobody answers for is explained", async () => {
    const { token } = await daemon({ config: login("u:p") });
    expect((await token("http://127.0.0.1:1/token")).error).toMatchObject({ code: "registry_unreachable" });
  });

  test("is not fetched where a redirect leads to another server", async () => {
    const other = await tokenServer((_, response) => json(response, { token: "stolen" }));
    const { realm } = await tokenServer((_, response) =>
      response.writeHead(307, { location: other.realm }).end(),
    );
    const { token } = await daemon({ config: login("u:p") });
    expect((await token(realm)).error).toMatchObject({ code: "registry_unreachable" });
    expect(other.seen).toEqual([]);
  });

  test("is fetched through a redirect within the server", async () => {
    const { realm } = await tokenServer(({ url }, response) =>
      url.pathname === "/token"
        ? response.writeHead(307, { location: "/v2" }).end()
        : json(response, { token: "T" }),
    );
    const { token } = await daemon({ config: login("u:p") });
    expect(await token(realm)).toMatchObject({ token: "T" });
  });
});

describe("a realm", () => {
  const check = (realm: string, secret: boolean, plain: string[] = []) =>
    checkRealm({ realm, host: "r.example" }, secret, async () => plain.includes("r.example"));

  test("sees credentials over https, on loopback, and for registries that are meant to be plain", async () => {
    expect((await check("https://auth.example/token", true)).host).toBe("auth.example");
    for (const host of ["127.0.0.1:5001", "localhost", "[::1]:80", "127.9.9.9"])
      expect(await check(`http://${host}/`, true)).toBeDefined();
    expect(await check("http://auth.example/", true, ["r.example"])).toBeDefined();
    expect(await check("http://auth.example/", false)).toBeDefined();
  });

  test.each(["http://auth.example/", "http://127.0.0.1.evil.example/", "http://localhost.evil.example/"])(
    "does not see them over %s",
    async (realm) => {
      await expect(check(realm, true)).rejects.toThrow("without encryption");
    },
  );

  test.each(["file:///etc/passwd", "ftp://x/", "not a url", "", "javascript:1"])(
    "that is %j is refused",
    async (realm) => {
      await expect(check(realm, false)).rejects.toThrow("no http address");
    },
  );
});

describe("the token authority", () => {
  const salt = randomBytes(32);
  const payload = randomBytes(32);

  async function authority(options: Partial<RegistryAuthOptions>) {
    const { peer } = await daemon(options);
    const host = "r.example";
    const key = await peer.call(GetTokenAuthority.path, [GetTokenAuthority.encodeRequest({ host, salt })]);
    if (key.status !== 0) return { status: key.status, publicKey: "", signed: Buffer.alloc(0) };
    const request = VerifyTokenAuthority.encodeRequest({ host, salt, payload });
    const signed = await peer.call(VerifyTokenAuthority.path, [request]);
    return {
      status: 0,
      publicKey: Buffer.from(GetTokenAuthority.decodeResponse(key.messages[0]!).publicKey).toString(
        "base64url",
      ),
      signed: Buffer.from(VerifyTokenAuthority.decodeResponse(signed.messages[0]!).signed),
    };
  }

  test("signs the daemon's payload with the key that it showed", async () => {
    const { publicKey, signed } = await authority({ config: login("u:p") });
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: publicKey }, format: "jwk" });
    expect(signed.subarray(64)).toEqual(payload);
    expect(verify(null, payload, key, signed.subarray(0, 64))).toBe(true);
  });

  test("is the same for the same client and login, and for nobody else", async () => {
    const seed = randomBytes(32);
    const keys = [
      await authority({ config: login("u:p"), seed }),
      await authority({ config: login("u:p"), seed }),
      await authority({ config: login("u:other"), seed }),
      await authority({ config: login("u:p") }),
      await authority({ seed }),
      await authority({}),
    ].map(({ publicKey }) => publicKey);
    expect(keys[1]).toBe(keys[0]);
    expect(keys[5]).toBe(keys[4]);
    expect(new Set(keys).size).toBe(4);
  });

  test("is UNAVAILABLE where tokens are left to the daemon", async () => {
    expect((await authority({ clientToken: false })).status).toBe(rpcStatus.unavailable);
  });
});
