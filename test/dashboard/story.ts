// Tells a made-up deployment as an agent tells it, moment by moment.

import type { BusConnection } from "../../src/bus/index.js";
import { subjects } from "../../src/bus/index.js";
import type { Work } from "../queue/agent.js";
import { publish } from "../queue/agent.js";

export interface Story {
  /** Events and log lines that belong to a moment, as they would be sent then. */
  tell(...bodies: object[]): Promise<void>;
  /** The same through the stream of log lines. */
  log(service: string, step: string, lines: readonly string[], stream?: "stdout" | "stderr"): Promise<void>;
  /** RFC 3339 of a moment, milliseconds after the beginning. */
  at(milliseconds: number): string;
  /** Moves the moment that envelopes are written at. */
  move(milliseconds: number): void;
}

/** `began`: when it all began, milliseconds since 1970. */
export function story(work: Work, connection: BusConnection, agent: string, began: number): Story {
  let moment = began;
  const at = (milliseconds: number) => new Date(began + milliseconds).toISOString();
  const dated = (bodies: object[]) =>
    work.events(...bodies).map((event) => ({ ...event, at: new Date(moment).toISOString() }));
  return {
    at,
    move: (milliseconds) => {
      moment = began + milliseconds;
    },
    tell: (...bodies) => publish(connection, subjects.events(agent, work.deployment), dated(bodies)),
    log: (service, step, lines, stream = "stdout") => {
      const now = new Date(moment).toISOString();
      const body = {
        service,
        type: "step.log",
        step,
        clipped: false,
        lines: lines.map((text) => ({ stream, text, at: now })),
      };
      return publish(connection, subjects.logs(agent, work.deployment), dated([body]));
    },
  };
}

export const digest = (name: string): string => `sha256:${name.padEnd(64, "0")}`;

interface StepTold {
  readonly service: string;
  readonly id: string;
  readonly name: string;
  readonly state: "waiting" | "running" | "done" | "cached" | "failed" | "cancelled";
  readonly inputs?: readonly string[];
  /** Milliseconds after the beginning. */
  readonly from?: number;
  readonly to?: number;
  readonly error?: string;
}

/** `step.updated` of a moment. */
export const step = (
  { at }: Story,
  { service, id, name, state, inputs = [], from, to, error }: StepTold,
) => ({
  service,
  type: "step.updated",
  step: digest(id),
  name,
  state,
  vertices: [digest(id)],
  inputs: inputs.map(digest),
  started: from === undefined ? null : at(from),
  since: from === undefined ? null : at(from),
  completed: to === undefined ? null : at(to),
  duration: from === undefined || to === undefined ? 0 : to - from,
  error: error ?? null,
});

export const transfer = (
  { at }: Story,
  service: string,
  id: string,
  name: string,
  current: number,
  total: number | null,
  from: number,
) => ({
  service,
  type: "transfer",
  step: digest(id),
  transfer: name,
  current,
  total,
  started: at(from),
  duration: 500,
  done: total === null || current === total,
});

export const sourceMap = (service: string, lines: Readonly<Record<string, readonly [number, number]>>) => ({
  service,
  type: "source_map",
  filename: "Dockerfile",
  steps: Object.entries(lines).map(([id, [start, end]]) => ({ vertex: digest(id), lines: [{ start, end }] })),
});
