import { beforeEach, expect, test } from "vitest";
import { awaitedLater } from "../support/awaited-later.js";
import { onEachDatabase } from "../support/databases.js";
import { stateEvent, type TestAgent, type Work } from "./agent.js";
import { quick, standingWorld, type World } from "./world.js";

interface Frame {
  readonly event: string;
  readonly id: number | undefined;
  readonly data: { seq?: number; state?: string; type?: string; [field: string]: unknown };
}
let pr = 400;

onEachDatabase((databases) => {
  let world: World;
  let agent: TestAgent;
  const standing = standingWorld(databases, { ...quick, forgottenMs: 60_000, unclaimedMs: 60_000 });
  beforeEach(async () => {
    ({ world, agent } = await standing());
  });

  const begin = async (): Promise<Work> => {
    await world.deploy({ pr: ++pr });
    const work = await agent.take();
    await work.settle();
    return work;
  };

  /** Reads until the stream ends, `enough` says so, or the reader is cut off. */
  const follow = async (
    id: string,
    options: {
      url?: string;
      after?: number;
      enough?: (frames: Frame[]) => boolean;
      each?: () => Promise<void>;
    } = {},
  ) => {
    const cut = new AbortController();
    const answer = await fetch(`${options.url ?? world.url}/api/v1/deployments/${id}/events`, {
      headers: {
        accept: "text/event-stream",
        authorization: `Bearer ${world.token}`,
        ...(options.after === undefined ? {} : { "last-event-id": String(options.after) }),
      },
      signal: AbortSignal.any([cut.signal, AbortSignal.timeout(60_000)]),
    });
    const frames: Frame[] = [];
    let comments = 0;
    if (answer.status !== 200) return { answer, frames, comments };
    let rest = "";
    try {
      for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
        await options.each?.();
        rest += chunk;
        for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
          const lines = rest.slice(0, end).split("\n");
          rest = rest.slice(end + 2);
          const field = (name: string) =>
            lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
          if (lines[0]?.startsWith(":")) comments += 1;
          const data = field("data");
          const eventId = field("id");
          if (data !== undefined)
            frames.push({
              event: field("event") ?? "message",
              id: eventId === undefined ? undefined : Number(eventId),
              data: JSON.parse(data),
            });
          if (options.enough?.(frames)) {
            cut.abort();
            return { answer, frames, comments };
          }
        }
      }
    } catch (error) {
      if (!cut.signal.aborted) return { answer, frames, comments, error: error as Error };
    }
    return { answer, frames, comments };
  };
  const seqs = (frames: Frame[]) =>
    frames.flatMap(({ data, event }) => (event === "message" ? [data.seq] : []));
  const counted = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

  test("all is followed live, from waiting to the end, log lines and states among it", async () => {
    agent.beat({ draining: true });
    await world.until<{ draining: boolean }>(`/agents/${agent.id}`, ({ draining }) => draining);
    const { id } = await world.deploy({ pr: ++pr });
    const following = awaitedLater(follow(id));
    agent.beat({ draining: false });
    const work = await agent.take();
    await work.settle();
    await work.tell(stateEvent("building"));
    await work.log("one", "two");
    await work.tell(stateEvent("starting"));
    await work.finish("running", { url: "http://here" });
    const { answer, frames } = await following;
    expect(answer.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(seqs(frames).sort()).toEqual([1, 2, 3, 4, 5]);
    const states = frames.filter(({ event }) => event === "deployment").map(({ data }) => data.state);
    expect(states[0]).toBe("queued");
    expect(states.at(-1)).toBe("running");
    expect(frames.at(-1)).toMatchObject({ event: "end", data: { id, state: "running", url: "http://here" } });
  });

  test("who comes when all is over gets all, and the end", async () => {
    const work = await begin();
    await work.log("line");
    await work.finish("failed");
    await world.deployment(work.deployment, ({ final }) => final);
    const { frames } = await follow(work.deployment);
    expect(seqs(frames).sort()).toEqual([1, 2]);
    expect(frames.at(-1)).toMatchObject({ event: "end", data: { state: "failed" } });
  });

  test("the end comes after the last log line, which travels by itself and may be late", async () => {
    const work = await begin();
    const [late, finished] = work.events(
      { ...{ service: "web", type: "step.log", step: "s", clipped: false }, lines: [] },
      {
        type: "deployment.finished",
        outcome: "running",
        commit: null,
        url: null,
        services: [],
        duration: 1,
        error: null,
      },
    );
    const { publish } = await import("./agent.js");
    const { subjects } = await import("../../src/bus/index.js");
    const following = awaitedLater(follow(work.deployment));
    await publish(agent.connection, subjects.events(agent.id, work.deployment), [finished]);
    await world.deployment(work.deployment, ({ final }) => final);
    await publish(agent.connection, subjects.logs(agent.id, work.deployment), [late]);
    const { frames } = await following;
    expect(seqs(frames).sort()).toEqual([1, 2]);
    expect(frames.at(-1)?.event).toBe("end");
  });

  test("who is cut off again and again, and the server restarted, misses nothing and gets nothing twice", async () => {
    const work = await begin();
    const id = work.deployment;
    const found: number[] = [];
    let after = 0;
    const readSome = async (count: number) => {
      const { frames } = await follow(id, {
        after,
        enough: (frames) => seqs(frames).length >= count,
      });
      for (const { id, data } of frames)
        if (id !== undefined) {
          found.push(data.seq as number);
          after = id;
        }
      return frames;
    };
    const writing = awaitedLater(
      (async () => {
        for (let n = 0; n < 60; n++) await work.log(`${n}.a`, `${n}.b`);
      })(),
    );
    for (const count of [1, 7, 30]) await readSome(count);
    await writing;
    await world.stopServer();
    await world.startServer();
    await readSome(3);
    await work.finish("running");
    const frames = await readSome(Number.POSITIVE_INFINITY);
    expect(frames.at(-1)?.event).toBe("end");
    expect(new Set(found).size).toBe(found.length);
    expect(found.sort((a, b) => a - b)).toEqual(counted(1, 121));
  });

  test("a server that stops ends the stream without an end, so that the reader comes again", async () => {
    const work = await begin();
    await work.log("line");
    let read: () => void = () => {};
    const reading = new Promise<void>((resolve) => {
      read = resolve;
    });
    const following = awaitedLater(follow(work.deployment, { each: async () => read() }));
    await reading;
    await world.stopServer();
    const { frames } = await following;
    expect(frames.some(({ event }) => event === "end")).toBe(false);
    await world.startServer();
    await work.finish("running");
    const { frames: rest } = await follow(work.deployment, {
      after: frames.findLast(({ id }) => id)?.id ?? 0,
    });
    expect(rest.at(-1)?.event).toBe("end");
  });

  test("a silent deployment is kept alive by comments", async () => {
    const work = await begin();
    const following = awaitedLater(follow(work.deployment));
    // Two comments at least, by the world's times; then the end.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await work.finish("cancelled");
    expect((await following).comments).toBeGreaterThanOrEqual(1);
  });

  test("a reader who does not read holds no more than a page, and gets all when it does", async () => {
    const work = await begin();
    const text = "x".repeat(20_000);
    for (let n = 0; n < 200; n++) await work.log(`${n} ${text}`, `${n} ${text}`);
    await work.finish("running");
    await world.deployment(work.deployment, ({ final }) => final);
    // 8 MB in all: more than the sockets take.
    const { frames } = await follow(work.deployment, {
      each: () => new Promise((resolve) => setTimeout(resolve, 2)),
    });
    expect(seqs(frames)).toHaveLength(401);
    expect(frames.at(-1)?.event).toBe("end");
  });

  test("fifty who follow the same get the same", async () => {
    const work = await begin();
    const following = Array.from({ length: 50 }, () => awaitedLater(follow(work.deployment)));
    for (let n = 0; n < 20; n++) await work.log(`${n}`);
    await work.finish("running");
    for (const { frames } of await Promise.all(following)) {
      expect(seqs(frames).sort((a, b) => a! - b!)).toEqual(counted(1, 21));
      expect(frames.at(-1)?.event).toBe("end");
    }
  });

  if (databases.kind === "postgres")
    test("who follows at one server sees what another one takes in", async () => {
      const url = await world.startSecond();
      const work = await begin();
      const following = [follow(work.deployment), follow(work.deployment, { url })].map(awaitedLater);
      for (let n = 0; n < 30; n++) await work.log(`${n}`);
      await work.finish("running");
      for (const { frames } of await Promise.all(following)) {
        expect(seqs(frames).sort((a, b) => a! - b!)).toEqual(counted(1, 31));
        expect(frames.at(-1)?.event).toBe("end");
      }
    });

  test("a Last-Event-ID that is none is refused, and so is one who may not read", async () => {
    const work = await begin();
    const url = `${world.url}/api/v1/deployments/${work.deployment}/events`;
    const ask = (headers: Record<string, string>) =>
      fetch(url, { headers: { accept: "text/event-stream", ...headers } });
    expect((await ask({})).status).toBe(401);
    const wrong = await ask({ authorization: `Bearer ${world.token}`, "last-event-id": "1; drop" });
    expect([wrong.status, ((await wrong.json()) as { code: string }).code]).toEqual([400, "invalid_request"]);
    await work.finish("failed");
  });

  test("pages that are read while more is written have neither gap nor repeat", async () => {
    const work = await begin();
    const writing = awaitedLater(
      (async () => {
        for (let n = 0; n < 40; n++) await work.log(`${n}`);
        await work.finish("running");
      })(),
    );
    const found: number[] = [];
    for (let after = 0, done = false; !done; ) {
      const { body } = await world.call<{
        events: { event: { seq: number } }[];
        next: number;
        final: boolean;
      }>("GET", `/deployments/${work.deployment}/events?after=${after}&limit=3`);
      found.push(...body.events.map(({ event }) => event.seq));
      after = body.next;
      done = body.final && body.events.length === 0 && found.length >= 41;
    }
    await writing;
    expect(found.sort((a, b) => a - b)).toEqual(counted(1, 41));
  });
});
