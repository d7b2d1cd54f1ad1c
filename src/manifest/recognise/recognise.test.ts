import { expect, test } from "vitest";
import { problemsOf, read } from "../compose/reading.testing.js";
import { nodeVersion } from "./node-version.js";

type Files = Record<string, string>;
const dockerfileOf = async (files: Files) =>
  (await read(files)).services[0]?.build?.generated?.split("\n").slice(1, -1);
const baseOf = async (files: Files) =>
  (await dockerfileOf(files))?.filter((line) => line.startsWith("FROM")).map((line) => line.slice(5));
const lastOf = async (files: Files) => (await dockerfileOf(files))?.at(-1);
const json = (value: unknown) => JSON.stringify(value);

test("Node with a lock file is installed by it, built where it has a script for that, and started", async () => {
  expect(
    await dockerfileOf({
      "package.json": json({ scripts: { build: "tsc", start: "node dist" } }),
      "package-lock.json": "{}",
      ".npmrc": "",
    }),
  ).toEqual([
    "FROM node:22-slim",
    "WORKDIR /app",
    "COPY package.json package-lock.json .npmrc ./",
    "RUN --mount=type=cache,target=/root/.npm npm ci",
    "COPY . .",
    "RUN npm run build",
    "ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000",
    "EXPOSE 3000",
    'CMD ["npm","start"]',
  ]);
  const start = { "package.json": json({ scripts: { start: "x" } }) };
  expect(await dockerfileOf({ ...start, "yarn.lock": "" })).toContain("RUN yarn install --frozen-lockfile");
  expect(await dockerfileOf({ ...start, "pnpm-lock.yaml": "" })).toContain(
    "RUN pnpm install --frozen-lockfile",
  );
  expect(await lastOf({ ...start, Procfile: "worker: a\nweb: node web.js\n" })).toBe(
    'CMD ["/bin/sh","-c","node web.js"]',
  );
  expect(await lastOf({ "package.json": "{}", "server.js": "" })).toBe('CMD ["node","server.js"]');
});

test("the version of Node is what the repository says", async () => {
  const start = { "package.json": json({ scripts: { start: "x" }, engines: { node: ">=18 <21" } }) };
  expect(await baseOf(start)).toEqual(["node:20-slim"]);
  expect(await baseOf({ ...start, ".nvmrc": "v18.19.0\n" })).toEqual(["node:18-slim"]);
  const chosen = [">=18", "18.x", "^20.9.0 || >=22", "~16.2", "24", "*", "<=20", "lts", undefined];
  expect(chosen.map((engines) => nodeVersion(undefined, engines))).toEqual([
    22, 18, 22, 16, 24, 22, 20, 22, 22,
  ]);
  expect(nodeVersion("lts/iron", "20")).toBe(20);
});

test("a front end of Vite is built, and served as files", async () => {
  const files = {
    "package.json": json({ scripts: { build: "vite build" }, devDependencies: { vite: "6" } }),
    "package-lock.json": "{}",
    "index.html": "",
  };
  expect(await baseOf(files)).toEqual(["node:22-slim AS build", "nginx:alpine"]);
  expect(await dockerfileOf(files)).toContain("COPY --from=build /app/dist /usr/share/nginx/html");
  expect((await read(files)).services[0]?.expose).toBe(80);
});

test("Python starts as Django, FastAPI and Flask do, or as a Procfile says", async () => {
  const flask = {
    "requirements.txt": "Flask==3.0\n",
    "app.py": "from flask import Flask\napp = Flask(__name__)\n",
  };
  expect(await dockerfileOf(flask)).toEqual([
    "FROM python:3.12-slim",
    "WORKDIR /app",
    "ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PORT=8000",
    "COPY requirements.txt ./",
    "RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt",
    "COPY . .",
    "EXPOSE 8000",
    'CMD ["flask","--app","app:app","run","--host","0.0.0.0","--port","8000"]',
  ]);
  expect(await lastOf({ ...flask, "requirements.txt": "flask\ngunicorn\n" })).toBe(
    'CMD ["gunicorn","--bind","0.0.0.0:8000","app:app"]',
  );
  expect(
    await lastOf({ "requirements.txt": "fastapi[standard]\n", "main.py": "api: FastAPI = FastAPI()\n" }),
  ).toBe('CMD ["python","-m","uvicorn","main:api","--host","0.0.0.0","--port","8000"]');
  expect(await lastOf({ "requirements.txt": "Django>=5\n", "manage.py": "" })).toBe(
    'CMD ["python","manage.py","runserver","0.0.0.0:8000"]',
  );
  const project = '[project]\nrequires-python = ">=3.10,<3.12"\n';
  expect(await baseOf({ "pyproject.toml": project, Procfile: "web: serve\n" })).toEqual(["python:3.11-slim"]);
  expect(await baseOf({ ...flask, ".python-version": "3.13.1\n" })).toEqual(["python:3.13-slim"]);
});

test("Go is built with the version of its module", async () => {
  const files = {
    "go.mod": "module example.org/a\n\ngo 1.22.3\n",
    "go.sum": "",
    "main.go": "package main\n",
  };
  expect(await baseOf(files)).toEqual(["golang:1.22"]);
  expect(await dockerfileOf(files)).toContain("COPY go.mod go.sum ./");
  expect(await lastOf(files)).toBe('CMD ["/bin/app"]');
});

test("pages are served without what begins with a dot", async () => {
  expect(await dockerfileOf({ "index.html": "", ".env": "SECRET=1\n" })).toContain(
    "RUN find /usr/share/nginx/html -mindepth 1 -name '.*' -prune -exec rm -rf {} +",
  );
});

test("what is not clear is not guessed, and what is missing is said", async () => {
  const why = async (files: Files) => (await problemsOf(files))[0]?.split("its root, and ")[1];
  expect(await why({ "package.json": "[]" })).toBe("package.json is no JSON object");
  expect(await why({ "package.json": "{}", "index.js": "" })).toBe("package.json has no script `start`");
  expect(await why({ "requirements.txt": "numpy\n", "app.py": "print(1)\n" })).toBe(
    "nothing tells how this Python application starts",
  );
  expect(await why({ "go.mod": "module a\n" })).toBe("there is no main.go beside go.mod");
  expect(await why({ "Cargo.toml": "" })).toBe("no language is recognised there");
});
