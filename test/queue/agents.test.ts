import { beforeEach, expect, test } from "vitest";
import { createAgentKey, signAsAgent } from "../../src/bus/index.js";
import { onEachDatabase } from "../support/databases.js";
import { standing } from "../support/standing.js";
import { type Admission, createTestAgent, exchange } from "./agent.js";
import { quick, startWorld, type World } from "./world.js";

interface Made {
  readonly agent: { readonly id: string; readonly name: string; readonly token: { readonly state: string } };
  readonly token: string;
}

onEachDatabase((databases) => {
  let world: World;
  const worldStands = standing(
    () => startWorld(databases, quick),
    (one) => one.remove(),
  );
  beforeEach(async () => {
    world = await worldStands();
  });

  const make = async (name: string) => (await world.call<Made>("POST", "/agents", { name })).body;
  const introduce = async (token: string, key = createAgentKey()) => {
    const answer = await exchange(world.url, token, key.publicKey);
    return {
      key,
      status: answer.status,
      body: (await answer.json()) as Admission & { code?: string; hint?: string },
    };
  };
  const renew = async (
    agent: string,
    key: { publicKey: string; seed: string },
    at = new Date().toISOString(),
  ) => {
    const answer = await fetch(`${world.url}/api/v1/agents/bootstrap`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        v: 1,
        agent,
        publicKey: key.publicKey,
        at,
        signature: signAsAgent(key.seed, `galley-renew\n${agent}\n${key.publicKey}\n${at}`),
      }),
    });
    return {
      status: answer.status,
      body: (await answer.json()) as Admission & { code?: string; message?: string },
    };
  };
  const listed = async (name: string) =>
    (
      await world.call<{ agents: { name: string; token: { state: string } }[] }>("GET", "/agents")
    ).body.agents.find((agent) => agent.name === name);

  test("a token is shown once, exchanged for a credential, and stays good for the agent that has used it", async () => {
    const { agent, token } = await make("alpha");
    expect(token).toMatch(/^galley_agt_[0-9A-Za-z]{43}$/);
    expect(agent.token.state).toBe("unused");
    const first = await introduce(token);
    expect(first).toMatchObject({ status: 200, body: { v: 1, agent: { id: agent.id, name: "alpha" } } });
    const life = Date.parse(first.body.expiresAt) - Date.now();
    expect(life).toBeGreaterThan(29 * 24 * 3600_000);
    expect(Date.parse(first.body.renewAfter) - Date.now()).toBeLessThan(life / 1.9);
    expect((await listed("alpha"))?.token.state).toBe("used");
    expect((await introduce(token)).status).toBe(200);
    expect(JSON.stringify((await world.call("GET", "/audit")).body)).not.toContain(token);
    expect(world.logged.join("")).not.toContain(token);
  });

  test("the same key may be introduced again, and has the same agent", async () => {
    const { token } = await make("again");
    const { key, body } = await introduce(token);
    expect((await introduce(token, key)).body.agent).toEqual(body.agent);
  });

  test("a token that nobody has is refused, and so is none", async () => {
    expect(await introduce(`galley_agt_${"x".repeat(43)}`)).toMatchObject({
      status: 401,
      body: { code: "agent_token_unknown", hint: expect.stringContaining("galley agent new") },
    });
    const { publicKey } = createAgentKey();
    const answer = await world.call("POST", "/agents/bootstrap", { v: 1, publicKey, version: "1" });
    // The API token of a person is no bootstrap token.
    expect(answer).toMatchObject({ status: 401, body: { code: "agent_token_unknown" } });
  });

  test("a rotated token is refused, the new one works, and the agent that runs goes on", async () => {
    const { agent, token } = await make("rotated");
    const { key } = await introduce(token);
    const { body } = await world.call<Made>("POST", `/agents/${agent.id}/rotate`);
    expect(await introduce(token)).toMatchObject({
      status: 401,
      body: { code: "agent_token_rotated", hint: expect.stringContaining("galley agent rotate") },
    });
    expect(await renew(agent.id, key)).toMatchObject({ status: 200 });
    expect((await introduce(body.token)).status).toBe(200);
  });

  test("a credential is renewed with the key that it is bound to, and with no other", async () => {
    const { agent, token } = await make("renewed");
    const { key } = await introduce(token);
    expect(await renew(agent.id, key)).toMatchObject({ status: 200, body: { agent: { name: "renewed" } } });
    const other = createAgentKey();
    expect(await renew(agent.id, other)).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    expect(await renew(agent.id, { publicKey: key.publicKey, seed: other.seed })).toMatchObject({
      status: 401,
    });
    const { agent: stranger } = await make("stranger");
    expect(await renew(stranger.id, key)).toMatchObject({ status: 401 });
  });

  test("a renewal that was signed a while ago, or will be, is refused", async () => {
    const { agent, token } = await make("stale");
    const { key } = await introduce(token);
    for (const offset of [-70_000, 70_000])
      expect(await renew(agent.id, key, new Date(Date.now() + offset).toISOString())).toMatchObject({
        status: 401,
        body: { code: "unauthorized" },
      });
  });

  test("an agent that is introduced with a new key takes the place of its former self, at once", async () => {
    const { agent, token } = await make("moved");
    const former = await createTestAgent(world.bus, { url: world.url, token });
    const refused = new Promise<void>((resolve) => former.connection.on("lost", resolve));
    expect((await introduce(token)).status).toBe(200);
    await refused;
    expect(await renew(agent.id, former.key)).toMatchObject({
      status: 403,
      body: { code: "agent_revoked", message: expect.stringContaining("introduced anew") },
    });
    // Its key is not taken from it again, either.
    expect(await introduce(token, former.key)).toMatchObject({
      status: 400,
      body: { code: "invalid_request" },
    });
    await former.close();
  });

  test("a revoked agent is cut off at once, refused everywhere, and its name is free again", async () => {
    const { agent, token } = await make("revoked");
    const running = await createTestAgent(world.bus, { url: world.url, token });
    running.beat();
    await world.until<{ online: boolean }>(`/agents/${agent.id}`, ({ online }) => online);
    const cut = new Promise<void>((resolve) => running.connection.on("lost", resolve));
    expect((await world.call("DELETE", `/agents/${agent.id}`)).status).toBe(204);
    await cut;
    expect(await introduce(token)).toMatchObject({ status: 403, body: { code: "agent_revoked" } });
    expect(await renew(agent.id, running.key)).toMatchObject({
      status: 403,
      body: { code: "agent_revoked" },
    });
    expect((await world.call("GET", `/agents/${agent.id}`)).status).toBe(404);
    expect((await world.call("DELETE", `/agents/${agent.id}`)).status).toBe(404);
    expect((await world.call("POST", "/agents", { name: "revoked" })).status).toBe(201);
    await running.close();
  });

  test("a revocation that the bus could not be told of is told when it is back", async () => {
    const { agent, token } = await make("far");
    const running = await createTestAgent(world.bus, { url: world.url, token });
    const refused = new Promise<void>((resolve) => running.connection.on("refused", resolve));
    await world.bus.server.stop();
    expect((await world.call("DELETE", `/agents/${agent.id}`)).status).toBe(204);
    await world.bus.server.start();
    await refused;
    await running.close();
  });

  test("a token that was not used within a week is refused", async () => {
    const { token } = await make("late");
    world.clock.ahead = 7 * 24 * 3600_000;
    try {
      expect(await introduce(token)).toMatchObject({
        status: 401,
        body: { code: "agent_token_expired", hint: expect.stringContaining("galley agent rotate") },
      });
      expect((await listed("late"))?.token.state).toBe("expired");
    } finally {
      world.clock.ahead = 0;
    }
  });

  test("two agents of one name are a conflict, and names that no one could type are refused", async () => {
    expect((await world.call("POST", "/agents", { name: "twin" })).status).toBe(201);
    expect(await world.call("POST", "/agents", { name: "twin" })).toMatchObject({
      status: 409,
      body: { code: "conflict" },
    });
    for (const name of ["", "A", "a b", "-a", "x".repeat(64), 7, null])
      expect(await world.call("POST", "/agents", { name })).toMatchObject({
        status: 400,
        body: { code: "invalid_request" },
      });
  });

  test("malformed introductions are refused with a code, and the server goes on", async () => {
    const { token } = await make("malformed");
    const { publicKey } = createAgentKey();
    for (const body of [
      {},
      { v: 2, publicKey, version: "1" },
      { v: 1, publicKey: "UABC", version: "1" },
      { v: 1, publicKey: publicKey.replace(/.$/, publicKey.endsWith("A") ? "B" : "A"), version: "1" },
      { v: 1, publicKey, version: "x".repeat(65) },
      { v: 1, publicKey, version: "1", more: true },
      { v: 1, agent: "a", publicKey, at: "now", signature: "" },
      [],
      "text",
    ]) {
      const answer = await fetch(`${world.url}/api/v1/agents/bootstrap`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
      });
      expect(answer.status, JSON.stringify(body)).toBe(400);
      expect(await answer.json()).toMatchObject({ code: "invalid_request" });
    }
    const huge = await fetch(`${world.url}/api/v1/agents/bootstrap`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ v: 1, publicKey, version: "x".repeat(600_000) }),
    });
    expect(huge.status).toBe(413);
    expect((await introduce(token)).status).toBe(200);
  });

  test("what people do to agents is in the audit log", async () => {
    const { agent, token } = await make("audited");
    await introduce(token);
    await world.call("POST", `/agents/${agent.id}/rotate`);
    await world.call("DELETE", `/agents/${agent.id}`);
    const { body } = await world.call<{ entries: { action: string; target: string }[] }>("GET", "/audit");
    const actions = body.entries.filter(({ target }) => target === "audited").map(({ action }) => action);
    expect(actions.sort()).toEqual(["agent.bootstrap", "agent.create", "agent.revoke", "agent.rotate"]);
  });
});
