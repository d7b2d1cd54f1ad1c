// How the deployment of shop-story.ts ends.
import { commit } from "./shop-story.js";
import { digest, type Story, step } from "./story.js";

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
