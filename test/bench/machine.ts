import { availableParallelism, loadavg, totalmem } from "node:os";
import { docker } from "../lab/engine.js";
import type { Bench } from "./bench.js";

/** Where figures come from: without it they mean nothing. */
export interface Machine {
  readonly engine: string;
  readonly store: "plain" | "containerd";
  readonly engineVersion: string;
  readonly apiVersion: string;
  readonly buildxVersion: string;
  readonly nodeVersion: string;
  readonly cores: number;
  readonly memoryGb: number;
  /** Of the last minute, before the first scenario: above a fraction of the cores, others have had their share. */
  readonly load: number;
  /** ISO, UTC. */
  readonly date: string;
}

export async function describeMachine({ engine }: Bench): Promise<Machine> {
  const { Server } = JSON.parse(await docker(engine, ["version", "--format", "{{json .}}"])) as {
    Server: { Version: string; ApiVersion: string };
  };
  const buildx = await docker(engine, ["buildx", "version"]);
  return {
    engine: engine.name,
    store: engine.store,
    engineVersion: Server.Version,
    apiVersion: Server.ApiVersion,
    buildxVersion: buildx.trim().split(" ")[1] ?? buildx.trim(),
    nodeVersion: process.versions.node,
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 1e9),
    load: loadavg()[0] ?? 0,
    date: new Date().toISOString().slice(0, 16),
  };
}

export const machineSentence = (machine: Machine, runs: number): string =>
  `Docker Engine ${machine.engineVersion} (API ${machine.apiVersion}, ${machine.store} image store), buildx ${machine.buildxVersion}, ` +
  `Node ${machine.nodeVersion}, ${machine.cores} cores, ${machine.memoryGb} GB, load average ${machine.load.toFixed(1)} before the first run, ${machine.date.replace("T", " ")} UTC, medians of ${runs}.`;
