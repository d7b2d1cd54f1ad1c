import { beforeEach, expect, test } from "vitest";
import type { ClaimedMessage, ClaimReply, Job } from "../bus/index.js";
import { GalleyError } from "../errors/index.js";
import { ActiveRuns } from "./active.js";
import { type ClaimOptions, handleMessage } from "./claim.js";
import { OpenClaims } from "./open-claims.js";
import type { DeploymentFinished, RunOptions } from "./runner.js";
import type { TellableEvent } from "./telling.js";

const job: Job = {
  kind: "deploy",
  deployment: "dep1",
  project: { id: "prj1", name: "shop", repoKey: "shop", url: "https://git.example/shop", credential: null },
  environment: { id: "env1", name: "pr-1", pr: 1 },
  fork: false,
  ref: "refs/pull/1/head",
  commit: null,
  useCache: true,
  env: {},
  secrets: { TOKEN: "very-secret" },
  registries: {},
  resources: { cpus: null, memory: null },
  ingress: { scheme: "http", domain: "localhost", port: 8088 },
};
const finished: DeploymentFinished = {
  type: "deployment.finished",
  outcome: "running",
  commit: null,
  url: null,
  services: [],
  duration: 1,
  error: null,
};
const granted = (attempt = 1): ClaimReply => ({ v: 1, granted: true, attempt, job });

let active: ActiveRuns;
let claims: OpenClaims;
let told: (TellableEvent & { seq: number })[];
let said: string[];
beforeEach(() => {
  active = new ActiveRuns();
  let made = 0;
  claims = new OpenClaims(() => `claim-${++made}`);
  told = [];
  said = [];
});

function message(name = "first", delivery = 1): ClaimedMessage {
  return {
    message: { v: 1, deployment: "dep1", kind: "deploy" },
    delivery,
    working: () => {},
    keepAlive: (signal) =>
      void signal.addEventListener("abort", () => said.push(`${name}: let go`), { once: true }),
    ack: async () => {
      said.push(`${name}: ack`);
      return true;
    },
    nak: (ms) => void said.push(`${name}: nak ${ms}`),
  };
}

function options(more: Partial<ClaimOptions>): ClaimOptions {
  return {
    agent: "agt1",
    active,
    claims,
    ask: async () => granted(),
    handBack: async () => false,
    run: async () => finished,
    outbox: {
      put: (event) => {
        told.push(event);
        return undefined;
      },
      flush: async () => void said.push("flushed"),
    },
    onFinished: () => {},
    log: { debug() {}, info() {}, warn() {}, error() {} },
    now: () => 0,
    newId: () => "id",
    random: () => 0,
    ...more,
  };
}
const running = new AbortController().signal;

/** A job that goes on until it is told how to end. */
function held() {
  let begin = () => {};
  let end: (outcome: DeploymentFinished | undefined) => void = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const run = (_: Job, { signal }: RunOptions) => {
    begin();
    return new Promise<DeploymentFinished | undefined>((resolve) => {
      end = resolve;
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
  };
  return { begun, run, end: (outcome: DeploymentFinished | undefined) => end(outcome) };
}

test("a job is acknowledged when its last event is safe, and not before", async () => {
  await handleMessage(message(), options({}), running);
  expect(told.map(({ type, seq }) => [type, seq])).toEqual([
    ["deployment.state", 1],
    ["deployment.finished", 2],
  ]);
  expect(said).toEqual(["flushed", "first: let go", "first: ack"]);
  expect(active.list()).toEqual([]);
});

test("a refused claim is acknowledged and forgotten", async () => {
  await handleMessage(
    message(),
    options({ ask: async () => ({ v: 1, granted: false, reason: "superseded" }) }),
    running,
  );
  expect(said).toEqual(["first: let go", "first: ack"]);
  expect(told).toEqual([]);
});

test("while the server is away the job is handed back for later", async () => {
  const ask = async () => {
    throw new GalleyError("control_plane_unreachable", "away");
  };
  await handleMessage(message(), options({ ask }), running);
  expect(said).toEqual(["first: let go", "first: nak 5000"]);
});

test("a job that comes again while it runs is the same work: the newest delivery is the one that is acknowledged", async () => {
  const { run, begun, end } = held();
  let asked = 0;
  const ask = async () => {
    asked += 1;
    return granted();
  };
  const first = handleMessage(message("first"), options({ run, ask }), running);
  await begun;
  await handleMessage(message("second", 2), options({ run, ask }), running);
  end(finished);
  await first;
  expect(asked).toBe(1);
  expect(said.filter((line) => line.endsWith("ack"))).toEqual(["second: ack"]);
});

test("a claim whose answer was lost is shown again as it was, and the next one is another", async () => {
  const shown: string[] = [];
  const answers = ["lost", "lost", "granted"];
  const ask = async (_: string, claim: string): Promise<ClaimReply> => {
    shown.push(claim);
    if (answers.shift() === "lost") throw new GalleyError("control_plane_unreachable", "no answer");
    return { v: 1, granted: false, reason: "busy" };
  };
  for (const name of ["first", "second", "third", "fourth"])
    await handleMessage(message(name), options({ ask }), running);
  expect(shown).toEqual(["claim-1", "claim-1", "claim-1", "claim-2"]);
});

test("a job that comes twice while it is claimed is claimed once", async () => {
  const { run, begun, end } = held();
  let answer: (reply: ClaimReply) => void = () => {};
  let asked = 0;
  const ask = () => {
    asked += 1;
    return new Promise<ClaimReply>((resolve) => {
      answer = resolve;
    });
  };
  const first = handleMessage(message("first"), options({ run, ask }), running);
  const second = handleMessage(message("second", 2), options({ run, ask }), running);
  answer(granted());
  await begun;
  await second;
  end(finished);
  await first;
  expect(asked).toBe(1);
  expect(said.filter((line) => line.endsWith("ack"))).toEqual(["second: ack"]);
});

test("a late delivery of what has ended is acknowledged without a claim", async () => {
  await handleMessage(message("first"), options({}), running);
  const ask = () => Promise.reject(new Error("asked"));
  await handleMessage(message("second", 2), options({ ask }), running);
  expect(said.at(-1)).toBe("second: ack");
});

test("what another attempt has taken over is neither acknowledged nor handed back", async () => {
  const { run, begun } = held();
  const first = handleMessage(message(), options({ run }), running);
  await begun;
  active.stop("dep1", "fenced");
  await first;
  expect(said).toEqual(["first: let go"]);
  expect(told.map(({ type }) => type)).toEqual(["deployment.state"]);
});

test("what the agent has no time for any more goes back to the server, which gives it on", async () => {
  const { run, begun } = held();
  const returned: unknown[] = [];
  const handBack = async (...of: unknown[]) => {
    returned.push(of);
    return true;
  };
  const first = handleMessage(message(), options({ run, handBack, ask: async () => granted(2) }), running);
  await begun;
  active.stop("dep1", "drained");
  await first;
  expect(returned).toEqual([["dep1", 2]]);
  expect(said).toEqual(["first: let go", "first: ack"]);
  expect(told.map(({ type }) => type)).toEqual(["deployment.state"]);
});

test.each([
  ["does not want it", async () => false],
  [
    "is away",
    async () => {
      throw new GalleyError("control_plane_unreachable", "away");
    },
  ],
])("what the agent has no time for any more is left in the bus when the server %s", async (_, handBack) => {
  const { run, begun } = held();
  const first = handleMessage(message(), options({ run, handBack }), running);
  await begun;
  active.stop("dep1", "drained");
  await first;
  expect(said).toEqual(["first: let go", "first: nak 0"]);
  expect(told.map(({ type }) => type)).toEqual(["deployment.state"]);
});

test("a disk that keeps no event ends the deployment, and it is handed back", async () => {
  const full = new GalleyError("spool_full", "no room");
  const outbox = {
    put: () => {
      throw full;
    },
    flush: async () => {
      throw full;
    },
  };
  let reason: unknown;
  const run = async (_: Job, { signal }: RunOptions) => {
    reason = signal.reason;
    return finished;
  };
  await handleMessage(message(), options({ outbox, run }), running);
  expect(reason).toBe(full);
  expect(said).toEqual(["first: let go", "first: nak 0"]);
});

test("a second deployment of an environment waits until the first has ended", async () => {
  const { run, begun, end } = held();
  const first = handleMessage(message(), options({ run }), running);
  await begun;
  let second = false;
  const other = { ...message("other"), message: { v: 1, deployment: "dep2", kind: "deploy" } as const };
  const after = handleMessage(
    other,
    options({
      ask: async () => ({ v: 1, granted: true, attempt: 1, job: { ...job, deployment: "dep2" } }),
      run: async () => {
        second = true;
        expect(active.get("dep1")).toBeUndefined();
        return finished;
      },
    }),
    running,
  );
  await new Promise(setImmediate);
  expect(second).toBe(false);
  end(finished);
  await Promise.all([first, after]);
  expect(second).toBe(true);
});

test("secrets of the job are masked in what is told", async () => {
  const run = async (_: Job, { tell }: RunOptions) => {
    await tell({ type: "deployment.note", text: "the token is very-secret" });
    return finished;
  };
  await handleMessage(message(), options({ run }), running);
  expect(told[1]).toMatchObject({ text: "the token is ***" });
});
