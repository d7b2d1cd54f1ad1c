import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { BuildKitError } from "../errors.js";
import { openSession } from "./open.js";
import { deferred, openPeer, openRaw, pair } from "./peer.testing.js";
import type { SessionService } from "./service.js";

const echo: SessionService = {
  methods: {
    "/t.T/Echo": async (call) => {
      for await (const message of call.messages) await call.send(message);
    },
  },
};

describe("opening a session", () => {
  test("is refused when two services answer the same method", async () => {
    await expect(openRaw([echo, echo])).rejects.toMatchObject({ code: "option_invalid" });
  });

  test("gives up at its deadline and destroys a connection that comes late", async () => {
    const late = await openRaw([]);
    const dialled = deferred<typeof late.wire>();
    const opening = openPeer([], "tcp", { dial: () => dialled.promise, dialTimeoutMs: 1 });
    await expect(opening).rejects.toBeInstanceOf(BuildKitError);
    await expect(opening).rejects.toMatchObject({ code: "timeout" });
    dialled.resolve(late.wire);
    expect(await late.session.closed).toMatchObject({ code: "session_lost" });
  });

  test("is cancelled by the signal while dialling, and ended by it afterwards", async () => {
    const first = new AbortController();
    const opening = openRaw([], "tcp", { dial: () => new Promise(() => {}), signal: first.signal });
    first.abort();
    await expect(opening).rejects.toMatchObject({ code: "cancelled" });
    const second = new AbortController();
    const { session } = await openRaw([], "tcp", { signal: second.signal });
    second.abort();
    expect(await session.closed).toBeUndefined();
  });

  test("takes a socket that is still connecting", async () => {
    const listener = createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    const session = await openSession({ dial: async () => connect(port, "127.0.0.1"), services: [] });
    const [far] = (await once(listener, "connection")) as [Socket];
    listener.close();
    far.end();
    expect(await session.closed).toMatchObject({ code: "session_lost" });
  });

  test.each(["tcp", "memory"] as const)(
    "reports a %s connection that was gone before it came",
    async (kind) => {
      const [near, far] = await pair(kind);
      near.destroy();
      far.destroy();
      await expect(openSession({ dial: async () => near, services: [] })).rejects.toMatchObject({
        code: "session_lost",
      });
    },
  );

  test.each([false, true])(
    "survives a connection that breaks while it is being taken over (own headers: %s)",
    async (ownHeaders) => {
      const [near] = await pair("memory");
      const dial = async () => {
        setImmediate(() => near.destroy(new TypeError("broken")));
        return near;
      };
      const opened = openSession({ dial, services: [], ownHeaders }).then(({ closed }) => closed);
      expect(await opened.catch((error: unknown) => error)).toMatchObject({ code: "session_lost" });
    },
  );

  test("makes ids that the daemon takes for one word", async () => {
    const { session } = await openRaw([]);
    expect(session.id).toMatch(/^[0-9a-z]{25}$/);
    await session.close();
  });
});
