// A made-up deployment of four services, told as an agent tells it, moment by moment: what screenshots and tests look at.

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

export const commit = "4f0c2a9be1d07a6f3f6c5d8e9b0a1c2d3e4f5a6b";

/** Until both images are being built: `api` installs its packages, `web` is done. */
export async function building(s: Story, subject = "Add basket"): Promise<void> {
  s.move(0);
  await s.tell({ type: "deployment.state", state: "preparing" });
  s.move(700);
  await s.tell(
    { type: "deployment.note", text: "12 files changed" },
    {
      type: "deployment.source",
      commit,
      ref: "refs/pull/7/head",
      subject,
      author: "Ada Lovelace",
    },
    {
      type: "deployment.plan",
      services: [
        { name: "db", kind: "postgres", action: "pull", image: "postgres:16-alpine", url: null },
        { name: "web", kind: "web", action: "build", image: null, url: "http://pr-7-shop.localhost:8000" },
        { name: "api", kind: "web", action: "build", image: null, url: null },
        { name: "worker", kind: "worker", action: "reuse", image: null, url: null },
      ],
    },
    { type: "deployment.state", state: "building" },
    { service: "db", type: "service.state", state: "pulling", detail: "postgres:16-alpine" },
    { service: "web", type: "build.started" },
    { service: "api", type: "build.started" },
    sourceMap("web", {
      "web-from": [1, 1],
      "web-copy": [3, 3],
      "web-ci": [4, 4],
      "web-src": [5, 5],
      "web-build": [6, 6],
      "web-nginx": [8, 8],
      "web-dist": [9, 9],
    }),
    sourceMap("api", {
      "api-from": [1, 1],
      "api-dir": [3, 3],
      "api-copy": [4, 4],
      "api-ci": [5, 5],
      "api-src": [6, 6],
      "api-build": [7, 9],
      "api-final": [12, 12],
    }),
  );
  s.move(1_200);
  const internal = (service: string) =>
    step(s, {
      service,
      id: `${service}-def`,
      name: "[internal] load build definition from Dockerfile",
      state: "done",
      from: 800,
      to: 860,
    });
  await s.tell(
    internal("web"),
    internal("api"),
    step(s, {
      service: "web",
      id: "web-ctx",
      name: "[internal] load build context",
      state: "done",
      from: 900,
      to: 1_150,
    }),
    transfer(s, "web", "web-ctx", "transferring context:", 48_230, null, 900),
    step(s, {
      service: "api",
      id: "api-ctx",
      name: "[internal] load build context",
      state: "done",
      from: 900,
      to: 1_400,
    }),
    transfer(s, "api", "api-ctx", "transferring context:", 1_204_816, null, 900),
  );
  const web = (
    id: string,
    name: string,
    from: number,
    to: number,
    input: string,
    state: "done" | "cached" = "cached",
  ) => step(s, { service: "web", id, name, state, from, to, inputs: [input] });
  s.move(1_500);
  await s.tell(
    step(s, {
      service: "web",
      id: "web-from",
      name: `[build 1/5] FROM docker.io/library/node:22-slim@${digest("a")}`,
      state: "cached",
      from: 1_200,
      to: 1_210,
    }),
    web("web-copy", "[build 2/5] COPY package.json package-lock.json ./", 1_220, 1_230, "web-from"),
    web("web-ci", "[build 3/5] RUN npm ci", 1_230, 1_240, "web-copy"),
    web("web-src", "[build 4/5] COPY src ./src", 1_300, 1_700, "web-ci", "done"),
    step(s, {
      service: "web",
      id: "web-build",
      name: "[build 5/5] RUN npm run build",
      state: "running",
      from: 1_750,
      inputs: ["web-src"],
    }),
    step(s, {
      service: "web",
      id: "web-nginx",
      name: "[stage-1 1/2] FROM docker.io/library/nginx:alpine",
      state: "cached",
      from: 1_210,
      to: 1_215,
    }),
    step(s, {
      service: "web",
      id: "web-dist",
      name: "[stage-1 2/2] COPY --from=build /app/dist /usr/share/nginx/html",
      state: "waiting",
      inputs: ["web-build", "web-nginx"],
    }),
    step(s, {
      service: "api",
      id: "api-from",
      name: "[base 1/2] FROM docker.io/library/node:22-slim",
      state: "running",
      from: 1_450,
    }),
    transfer(s, "api", "api-from", digest("b"), 31_400_000, 52_700_000, 1_450),
    step(s, {
      service: "api",
      id: "api-dir",
      name: "[base 2/2] WORKDIR /srv",
      state: "waiting",
      inputs: ["api-from"],
    }),
    step(s, {
      service: "api",
      id: "api-copy",
      name: "[deps 1/2] COPY package*.json ./",
      state: "waiting",
      inputs: ["api-dir"],
    }),
    step(s, {
      service: "api",
      id: "api-ci",
      name: "[deps 2/2] RUN npm ci",
      state: "waiting",
      inputs: ["api-copy"],
    }),
    step(s, {
      service: "api",
      id: "api-src",
      name: "[build 1/2] COPY . .",
      state: "waiting",
      inputs: ["api-ci", "api-ctx"],
    }),
    step(s, {
      service: "api",
      id: "api-build",
      name: "[build 2/2] RUN npm run build &&     npm prune --omit=dev",
      state: "waiting",
      inputs: ["api-src"],
    }),
    step(s, {
      service: "api",
      id: "api-final",
      name: "[stage-3 2/2] COPY --from=build /srv /srv",
      state: "waiting",
      inputs: ["api-build"],
    }),
  );
  await s.log("web", digest("web-build"), [
    "",
    "> shop-web@1.4.0 build",
    "> vite build",
    "",
    "\u001b[36mvite v8.4.0 \u001b[32mbuilding for production...\u001b[36m\u001b[39m",
    "transforming...",
    "\u001b[32m✓\u001b[39m 412 modules transformed.",
    "\u001b[2mdist/\u001b[22m\u001b[36massets/index-Bq3k.js   \u001b[39m\u001b[1m\u001b[2m182.11 kB\u001b[22m\u001b[1m\u001b[22m",
  ]);
  s.move(5_600);
  await s.tell(
    step(s, {
      service: "api",
      id: "api-from",
      name: "[base 1/2] FROM docker.io/library/node:22-slim",
      state: "done",
      from: 1_450,
      to: 4_900,
    }),
    transfer(s, "api", "api-from", digest("b"), 52_700_000, 52_700_000, 1_450),
    step(s, {
      service: "api",
      id: "api-dir",
      name: "[base 2/2] WORKDIR /srv",
      state: "done",
      from: 4_900,
      to: 5_050,
      inputs: ["api-from"],
    }),
    step(s, {
      service: "api",
      id: "api-copy",
      name: "[deps 1/2] COPY package*.json ./",
      state: "done",
      from: 5_050,
      to: 5_200,
      inputs: ["api-dir"],
    }),
    step(s, {
      service: "api",
      id: "api-ci",
      name: "[deps 2/2] RUN npm ci",
      state: "running",
      from: 5_250,
      inputs: ["api-copy"],
    }),
    { service: "db", type: "service.state", state: "starting", detail: null },
  );
  await s.log(
    "api",
    digest("api-ci"),
    Array.from(
      { length: 60 },
      (_, n) => `npm http fetch GET 200 https://registry.example/package-${n} ${20 + ((n * 37) % 300)}ms`,
    ),
    "stderr",
  );
  await s.log(
    "api",
    digest("api-ci"),
    ["\u001b[33mnpm warn deprecated\u001b[39m inflight@1.0.6: This module is not supported."],
    "stderr",
  );
  s.move(9_400);
  await s.tell(
    { service: "db", type: "service.state", state: "healthy", detail: null },
    web("web-build", "[build 5/5] RUN npm run build", 1_750, 8_100, "web-src", "done"),
    web(
      "web-dist",
      "[stage-1 2/2] COPY --from=build /app/dist /usr/share/nginx/html",
      8_150,
      8_400,
      "web-build",
      "done",
    ),
    step(s, {
      service: "web",
      id: "web-export",
      name: "exporting to image",
      state: "done",
      from: 8_400,
      to: 9_100,
      inputs: ["web-dist"],
    }),
    {
      service: "web",
      type: "warning",
      step: digest("web-build"),
      rule: "LegacyKeyValueFormat",
      message: '"ENV key=value" should be used instead of legacy "ENV key value" format',
      detail: [],
      url: null,
      filename: "Dockerfile",
      lines: [{ start: 6, end: 6 }],
    },
    {
      service: "web",
      type: "build.finished",
      outcome: "built",
      image: digest("i"),
      duration: 8_400,
      steps: { total: 11, completed: 11, cached: 4, failed: 0 },
      sent: { files: 3, bytes: 48_230 },
      error: null,
    },
  );
}

const excerpt = [
  { line: 3, text: "WORKDIR /srv", failed: false },
  { line: 4, text: "COPY package*.json ./", failed: false },
  { line: 5, text: "RUN npm ci", failed: true },
  { line: 6, text: "COPY . .", failed: false },
];

/** After `building`: `npm ci` of `api` fails. */
export async function failing(s: Story): Promise<void> {
  const error = {
    code: "step_failed",
    message: "npm ci exited with 1",
    hint: "Run `npm install` locally and commit package-lock.json.",
    step: digest("api-ci"),
    command: "npm ci",
    exitCode: 1,
    dockerfile: { name: "Dockerfile", excerpt },
    logTail: [
      "npm error code EUSAGE",
      "npm error `npm ci` can only install packages when your package.json and package-lock.json are in sync.",
      "npm error Missing: left-pad@1.3.0 from lock file",
    ],
  };
  s.move(34_400);
  await s.log(
    "api",
    digest("api-ci"),
    error.logTail.map((line) => `\u001b[31m${line.slice(0, 9)}\u001b[39m${line.slice(9)}`),
    "stderr",
  );
  s.move(34_900);
  const cancelled = (id: string, name: string) => step(s, { service: "api", id, name, state: "cancelled" });
  await s.tell(
    step(s, {
      service: "api",
      id: "api-ci",
      name: "[deps 2/2] RUN npm ci",
      state: "failed",
      from: 5_250,
      to: 34_350,
      error: "exit code: 1",
    }),
    cancelled("api-src", "[build 1/2] COPY . ."),
    {
      service: "api",
      type: "build.finished",
      outcome: "failed",
      image: null,
      duration: 33_600,
      steps: { total: 9, completed: 6, cached: 0, failed: 1 },
      sent: { files: 214, bytes: 1_204_816 },
      error,
    },
    {
      type: "deployment.finished",
      outcome: "failed",
      commit,
      url: null,
      services: [],
      duration: 34_900,
      error,
    },
  );
}

/** After `building`: `api` is built, too, and everything runs. */
export async function running(s: Story): Promise<void> {
  s.move(21_000);
  const api = (id: string, name: string, from: number, to: number, input: string) =>
    step(s, { service: "api", id, name, state: "done", from, to, inputs: [input] });
  await s.tell(
    api("api-ci", "[deps 2/2] RUN npm ci", 5_250, 15_300, "api-copy"),
    api("api-src", "[build 1/2] COPY . .", 15_350, 15_600, "api-ci"),
    api("api-build", "[build 2/2] RUN npm run build &&     npm prune --omit=dev", 15_650, 19_800, "api-src"),
    api("api-final", "[stage-3 2/2] COPY --from=build /srv /srv", 19_850, 20_100, "api-build"),
    api("api-export", "exporting to image", 20_100, 20_900, "api-final"),
    {
      service: "api",
      type: "build.finished",
      outcome: "built",
      image: digest("k"),
      duration: 20_100,
      steps: { total: 11, completed: 11, cached: 0, failed: 0 },
      sent: { files: 214, bytes: 1_204_816 },
      error: null,
    },
    { type: "deployment.state", state: "starting" },
    ...["worker", "web", "api"].map((service) => ({
      service,
      type: "service.state",
      state: "starting",
      detail: null,
    })),
  );
  s.move(23_400);
  await s.tell(
    { service: "worker", type: "service.state", state: "unchanged", detail: null },
    { service: "web", type: "service.state", state: "healthy", detail: null },
    { service: "api", type: "service.state", state: "healthy", detail: null },
  );
  s.move(23_600);
  const url = "http://pr-7-shop.localhost:8000";
  await s.tell({
    type: "deployment.finished",
    outcome: "running",
    commit,
    url,
    services: ["db", "web", "api", "worker"].map((name) => ({
      name,
      image: digest("i"),
      url: name === "web" ? url : null,
    })),
    duration: 23_600,
    error: null,
  });
}
