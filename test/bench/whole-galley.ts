// A whole Galley for a scenario: bus, server, agent and ingress, each in a process of its own, as `galley up` starts them.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { connectBus, loadBusKeys, serverCredential } from "../../src/bus/index.js";
import {
  agentsAnswer,
  type Deployment,
  deploymentAnswer,
  environmentsAnswer,
} from "../../src/cli/api/answers.js";
import type { Api } from "../../src/cli/api/client.js";
import { followDeployment, type Told } from "../../src/cli/api/follow-deployment.js";
import { ServerSentEvents } from "../../src/cli/api/server-sent-events.js";
import { startInstallation } from "../../src/cli/up/installation.js";
import { openLayout } from "../../src/cli/up/layout.js";
import { readRunState } from "../../src/cli/up/leftovers.js";
import { ensureProject } from "../../src/cli/up/requests.js";
import { docker, type LabEngine } from "../lab/engine.js";
import { testLog } from "../support/bus.js";
import { natsBinary } from "../support/nats.js";
import type { Bench } from "./bench.js";
import { cliPath } from "./cli-path.js";

export interface WholeGalley {
  readonly api: Api;
  /** Adds a project of a repository on this machine's disk. */
  project(name: string, repository: string): Promise<void>;
  /** Asks for a deployment of a pull request, as a webhook would. */
  request(project: string, pr: number): Promise<Deployment>;
  /** What happens to a deployment, from its beginning to its end. */
  follow(deployment: string): AsyncGenerator<Told>;
  /** The same until its end; throws when that is not `running`. */
  running(deployment: string): Promise<Ended>;
  /** Waits until a deployment is in one of these states, without reading its events: those would be load of their own. */
  until(deployment: string, ...states: string[]): Promise<void>;
  /** Calls back with a deployment's id when its job arrives at the bus, and with the time of that. */
  watchJobs(onJob: (deployment: string, at: number) => void): Promise<{ close(): Promise<void> }>;
  /** Where the preview of a pull request answers whose manifest has one public service. */
  previewUrl(project: string, pr: number): string;
  /** Takes an environment down, with its volumes. */
  terminate(environment: string): Promise<void>;
  /** Of the agent's process. */
  readonly agent: AgentProbe;
  /** Takes down every preview, stops all processes, and removes what is left on the engine. */
  close(): Promise<void>;
}

export interface Ended {
  readonly deployment: Deployment;
  readonly events: readonly ToldEvent[];
}

export type ToldEvent = Readonly<Record<string, unknown>> & { readonly type?: string; readonly at?: string };

export interface AgentProbe {
  /** Bytes that are in memory now. */
  residentBytes(): number;
  /** Bytes that were in memory at most since the last `forgetPeak`. */
  peakBytes(): number;
  forgetPeak(): void;
  /** Milliseconds of processor time that it has taken since its start. */
  cpuMs(): number;
  /** Milliseconds by which a timer of the agent was late, of 99 in 100, since the last call. */
  lagMs(): Promise<number>;
}

/** An id that no event has, of as many digits as the server takes. */
const newerThanAll = 999_999_999_999_999;

/** `engine`: default is the benchmark's own. `dockerHost`: where its processes reach it; default: where everybody does. */
export async function startWholeGalley(
  bench: Bench,
  name: string,
  engine: LabEngine = bench.engine,
  dockerHost: string = engine.dockerHost,
): Promise<WholeGalley> {
  const { signal } = bench;
  const layout = openLayout(join(bench.folder, `galley-${name}`));
  const pool = poolOf(engine);
  const installation = await startInstallation({
    layout,
    natsServer: await natsBinary(),
    port: 0,
    env: { ...bench.env, DOCKER_HOST: dockerHost, ...(pool ? { GALLEY_PREVIEW_POOL: pool } : {}) },
    command: cliPath(),
    signal,
    say: () => {},
  });
  const { api } = installation;
  const { agents } = await api.get("/agents", agentsAnswer);
  const agentId = agents[0]?.id ?? "";

  const until = async (id: string, ...states: string[]) => {
    const closed = new AbortController();
    try {
      const parser = new ServerSentEvents();
      const decoder = new TextDecoder();
      const { body } = await api.events(`/deployments/${id}/events`, newerThanAll, closed.signal);
      for await (const chunk of body ?? []) {
        for (const { type, data } of parser.push(decoder.decode(chunk, { stream: true }))) {
          if (type !== "deployment" && type !== "end") continue;
          const deployment = deploymentAnswer.parse(JSON.parse(data));
          if (states.includes(deployment.state)) return;
          if (deployment.final)
            throw new Error(`${name}: a deployment is ${deployment.state}: ${deployment.error?.message}`);
        }
      }
      throw new Error(`${name}: nobody has said that ${id} is ${states.join(" or ")}`);
    } finally {
      closed.abort();
    }
  };
  const watchJobs: WholeGalley["watchJobs"] = async (onJob) => {
    const keys = await loadBusKeys(join(layout.server, "bus"));
    const { jwt, seed } = await serverCredential(keys);
    const port = readRunState(layout)?.ports.bus;
    const options = {
      servers: `nats://127.0.0.1:${port}`,
      credential: () => jwt,
      seed,
      inbox: "_INBOX_bench",
      name: "bench",
    };
    const connection = await connectBus({ ...options, log: testLog(), signal });
    connection.nats.subscribe("galley.jobs.*", {
      callback: (_error, message) => {
        const at = performance.timeOrigin + performance.now();
        onJob(message.json<{ deployment: string }>().deployment, at);
      },
    });
    await connection.nats.flush();
    return { close: () => connection.close() };
  };

  const follow = (deployment: string) => followDeployment({ api, deployment, signal });
  const ended = async (id: string) => {
    const events: ToldEvent[] = [];
    for await (const told of follow(id)) {
      if (told.kind === "event") events.push(told.event as ToldEvent);
      if (told.kind === "end") return { deployment: told.deployment, events };
    }
    throw new Error(`nobody has told the end of ${id}`);
  };
  const terminate = async (environment: string) => {
    const { body } = await api.send(
      "POST",
      `/environments/${environment}/terminate`,
      undefined,
      deploymentAnswer,
    );
    const { deployment } = await ended(body.id);
    if (deployment.state !== "terminated")
      throw new Error(`${name}: the preview was not taken down: ${deployment.state}`);
  };
  let closed: Promise<void> | undefined;
  const close = async () => {
    try {
      const { environments } = await api.get("/environments", environmentsAnswer);
      for (const { id, state } of environments) if (state !== "terminated") await terminate(id);
    } finally {
      await installation.stop();
      await sweep(engine, agentId);
    }
  };
  const whole: WholeGalley = {
    api,
    follow,
    until,
    watchJobs,
    terminate,
    previewUrl: (project, pr) => `http://pr-${pr}-${project}.localhost:${installation.ingressPort}/`,
    project: (project, repository) => ensureProject(api, { name: project, url: `file://${repository}` }),
    request: async (project, pr) =>
      (await api.send("POST", `/projects/${project}/deployments`, { pr }, deploymentAnswer)).body,
    running: async (id) => {
      const { deployment, events } = await ended(id);
      if (deployment.state !== "running")
        throw new Error(`${name}: a deployment is ${deployment.state}: ${deployment.error?.message}`);
      return { deployment, events };
    },
    agent: agentProbe(readRunState(layout)?.children[2] ?? 0, join(layout.logs, "agent.log")),
    close: () => {
      closed ??= close();
      return closed;
    },
  };
  bench.atEnd(() => whole.close());
  return whole;
}

/** The lab's engines leave the firewall alone, and its rules for them end with their own range. */
function poolOf({ dockerHost }: LabEngine): string | undefined {
  const octet = join(dirname(dockerHost.slice("unix://".length)), "octet");
  return existsSync(octet) ? `10.${readFileSync(octet, "utf8").trim()}.64.0/18` : undefined;
}

function agentProbe(pid: number, log: string): AgentProbe {
  const status = (field: string) => {
    const found = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(
      readFileSync(`/proc/${pid}/status`, "utf8"),
    );
    return Number(found?.[1]) * 1024;
  };
  return {
    residentBytes: () => status("VmRSS"),
    peakBytes: () => status("VmHWM"),
    // proc(5): 5 sets the high-water mark back to what is there now.
    cpuMs: () => {
      const text = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) * tickMs;
    },
    forgetPeak: () => writeFileSync(`/proc/${pid}/clear_refs`, "5"),
    lagMs: async () => {
      const port = /"health":(\d+)/.exec(readFileSync(log, "utf8"))?.[1];
      const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      const seconds = Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(metrics)?.[1]);
      // Node says how far apart two runs of a timer of 10 ms were, and not how late it was.
      return Math.max(0, seconds * 1000 - samplingMs);
    },
  };
}

/** proc(5): user and system time are in ticks of the clock, a hundred a second on every machine that Linux knows. */
const tickMs = 10;
/** perf_hooks.monitorEventLoopDelay's own. */
const samplingMs = 10;

/** Images that the agent has built, by their label, and whatever a failed run has left of containers, networks and volumes. */
async function sweep(engine: LabEngine, agent: string): Promise<void> {
  if (agent === "") return;
  const filter = ["--filter", `label=sh.galley.agent=${agent}`];
  for (const [list, remove] of [
    [
      ["ps", "--all", "--quiet"],
      ["rm", "--force", "--volumes"],
    ],
    [
      ["network", "ls", "--quiet"],
      ["network", "rm"],
    ],
    [
      ["volume", "ls", "--quiet"],
      ["volume", "rm"],
    ],
    [
      ["images", "--quiet"],
      ["image", "rm", "--force"],
    ],
  ] as const) {
    const ids = new Set(
      (await docker(engine, [...list, ...filter])).split("\n").filter((line) => line !== ""),
    );
    if (ids.size > 0) await docker(engine, [...remove, ...ids]);
  }
}
