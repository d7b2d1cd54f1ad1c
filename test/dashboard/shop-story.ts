// A made-up deployment of four services, what screenshots and tests look at: until it builds. How it ends is in shop-ends.ts.
import { digest, type Story, sourceMap, step, transfer } from "./story.js";

export const commit = "4f0c2a9be1d07a6f3f6c5d8e9b0a1c2d3e4f5a6b";

/** Until both images are being built: `api` installs its packages, `web` is done. */
export async function building(s: Story, subject = "Add basket", fork = false): Promise<void> {
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
      fork,
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
