// The shapes of well-known sample applications of Compose, written anew with what the lab's images have: each goes the whole way from
// a compose file in a repository to services that answer each other, and a browser.
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startIngress } from "../../src/ingress/index.js";
import { askHost, dockerOf } from "../preview/engine-docker.js";
import { labEngines } from "../support/engines.js";
import { type LocalAgent, startWorld, type World } from "./world.js";

const engine = labEngines().find(({ name }) => name === "28c") ?? labEngines()[0]!;
const patience = { timeout: 100_000, interval: 200 };
const lines = (...all: string[]) => `${all.join("\n")}\n`;

/** A poll: a front for votes, a queue, a worker that counts them into a database, and a front that shows them. */
const poll = () => ({
  "docker-compose.yml": lines(
    "services:",
    "  ballot:",
    "    build: ./ballot",
    "    depends_on: { votes: { condition: service_healthy } }",
    "    healthcheck:",
    "      test: [CMD, python3, -c, \"import urllib.request as r; r.urlopen('http://localhost')\"]",
    "      interval: 15s",
    "      start_period: 10s",
    "    volumes: ['./ballot:/usr/local/app']",
    "    ports: ['8080:80']",
    "    networks: [front, back]",
    "  outcome:",
    "    build: { context: ./outcome, args: { AT: /www } }",
    "    environment: &rows { STORE: 'host=store user=postgres password=${PASSWORD:-unsafe}' }",
    "    depends_on: { store: { condition: service_healthy } }",
    "    ports: ['8081:80']",
    "    networks: [front, back]",
    "  counter:",
    "    build: ./counter",
    "    environment: *rows",
    "    depends_on: { votes: { condition: service_healthy }, store: { condition: service_healthy } }",
    "    restart: on-failure",
    "    networks: [back]",
    "  votes:",
    "    build: ./votes",
    "    healthcheck: { test: python3 /ping.py, interval: 5s }",
    "    networks: [back]",
    "  store:",
    "    image: postgres:16-alpine",
    "    environment: { POSTGRES_PASSWORD: '${PASSWORD:-unsafe}' }",
    "    volumes: ['rows:/var/lib/postgresql/data']",
    "    healthcheck: { test: pg_isready -U postgres, interval: 5s }",
    "    networks: [back]",
    "  filler: { build: ./filler, profiles: [seed] }",
    "volumes: { rows: }",
    "networks: { front: , back: }",
  ),
  "ballot/Dockerfile": lines(
    "FROM python:3.11-slim",
    "STOPSIGNAL SIGKILL",
    "WORKDIR /usr/local/app",
    "COPY app.py .",
    'CMD ["python3", "app.py"]',
  ),
  "ballot/app.py": lines(
    "from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer",
    "import socket",
    "class Ballot(BaseHTTPRequestHandler):",
    "    def answer(self, body):",
    "        self.send_response(200); self.end_headers(); self.wfile.write(body)",
    "    def do_GET(self):",
    "        self.answer(b'cats or dogs?')",
    "    def do_POST(self):",
    "        choice = self.rfile.read(int(self.headers['content-length'])).decode()",
    "        with socket.create_connection(('votes', 6379)) as queue:",
    "            queue.sendall(f'RPUSH votes {choice}\\r\\n'.encode())",
    "            queue.recv(100)",
    "        self.answer(b'counted')",
    "ThreadingHTTPServer(('', 80), Ballot).serve_forever()",
  ),
  // As much of a Redis as the others say to it.
  "votes/Dockerfile": lines(
    "FROM python:3.11-slim",
    "STOPSIGNAL SIGKILL",
    "COPY votes.py ping.py /",
    'CMD ["python3", "/votes.py"]',
  ),
  "votes/votes.py": lines(
    "import queue, socketserver",
    "waiting = queue.Queue()",
    "class Session(socketserver.StreamRequestHandler):",
    "    def handle(self):",
    "        for line in self.rfile:",
    "            word = line.decode().split()",
    "            if word[0] == 'RPUSH':",
    "                waiting.put(word[2])",
    "                self.wfile.write(b':1\\r\\n')",
    "            else:",
    "                choice = waiting.get()",
    "                self.wfile.write(f'*2\\r\\n$5\\r\\nvotes\\r\\n${len(choice)}\\r\\n{choice}\\r\\n'.encode())",
    "socketserver.ThreadingTCPServer(('', 6379), Session).serve_forever()",
  ),
  "votes/ping.py": lines("import socket", "socket.create_connection(('127.0.0.1', 6379))"),
  "counter/Dockerfile": lines(
    "FROM postgres:16-alpine",
    "STOPSIGNAL SIGKILL",
    "COPY count.sh /",
    'ENTRYPOINT ["bash", "/count.sh"]',
  ),
  // A command is a line, and its answer has five.
  "counter/count.sh": lines(
    "set -e",
    'psql "$STORE" -qc "create table if not exists votes (choice text)"',
    "exec 3<>/dev/tcp/votes/6379",
    "while printf 'BLPOP votes 0\\r\\n' >&3; do",
    "  for n in 1 2 3 4 5; do read -r line <&3; done",
    '  psql "$STORE" -q -v choice="${line%$\'\\r\'}" <<< "insert into votes values (:\'choice\')"',
    "done",
  ),
  "outcome/Dockerfile": lines(
    "FROM busybox:latest AS tools",
    "FROM postgres:16-alpine",
    "STOPSIGNAL SIGKILL",
    "ARG AT=/nowhere",
    "COPY --from=tools /bin/busybox /usr/local/bin/busybox",
    "COPY --chmod=755 outcome.sh $AT/cgi-bin/outcome",
    'ENTRYPOINT ["busybox", "httpd", "-f", "-p", "80", "-h", "/www"]',
  ),
  "outcome/outcome.sh": lines(
    "#!/bin/sh",
    "printf 'Content-Type: text/plain\\r\\n\\r\\n'",
    'psql "$STORE" -Atc "select format(\'%s %s\', choice, count(*)) from votes group by choice order by choice" 2>&1',
  ),
  "filler/Dockerfile": "FROM busybox:latest\n",
});

/** A program behind nginx, after a migration, with a file for its configuration and a secret that is not in the repository. */
const behindProxy = () => ({
  "compose.yaml": lines(
    "x-common: &common { restart: always, logging: { driver: json-file } }",
    "services:",
    "  proxy:",
    "    <<: *common",
    "    image: nginx:alpine",
    "    volumes: [{ type: bind, source: ./proxy/site.conf, target: /etc/nginx/conf.d/default.conf, read_only: true }]",
    "    ports: ['80:80']",
    "    depends_on: [backend]",
    "  backend:",
    "    <<: *common",
    "    build: { context: backend, target: runtime }",
    "    env_file: backend/settings.env",
    "    environment: [URL]",
    "    expose: [3000]",
    "    secrets: [api_token]",
    "    volumes: ['state:/state:ro']",
    "    depends_on: { migrate: { condition: service_completed_successfully } }",
    "  migrate:",
    "    image: busybox:latest",
    "    command: sh -c 'echo migrated > /state/note'",
    "    volumes: ['state:/state']",
    "volumes: { state: { } }",
    "secrets: { api_token: { file: ./api_token.txt } }",
  ),
  ".env": "URL=${GALLEY_PREVIEW_URL_proxy:-http://localhost}\n",
  "proxy/site.conf": lines(
    "server {",
    "  listen 80;",
    "  location / { proxy_pass http://backend:3000; proxy_set_header Host $host; }",
    "}",
  ),
  "backend/settings.env": "GREETING='ahoy there' # as the settings say\n",
  "backend/Dockerfile": lines(
    "FROM node:22 AS sources",
    "COPY server.cjs /app/",
    "FROM sources AS tests",
    "RUN exit 1",
    "FROM node:22 AS runtime",
    "STOPSIGNAL SIGKILL",
    "COPY --from=sources /app /app",
    'CMD ["node", "/app/server.cjs"]',
  ),
  "backend/server.cjs": lines(
    'const { readFileSync } = require("node:fs");',
    'const read = (path) => readFileSync(path, "utf8").trim();',
    'require("node:http").createServer(({ headers }, response) => {',
    "  const { GREETING, URL } = process.env;",
    '  response.end(JSON.stringify([GREETING, URL, headers.host, read("/state/note"), read("/run/secrets/api_token").length]));',
    "}).listen(3000);",
  ),
});

let world: World;
let agent: LocalAgent;
const over = new AbortController();
let port = 0;
let closed: Promise<void> | undefined;
beforeAll(async () => {
  world = await startWorld(engine);
  agent = await world.start(await world.agent("samples"));
  await world.call("PUT", `/projects/${world.project}/secrets/API_TOKEN`, { value: "0123456789ab" });
  const log = { info: () => {}, warn: () => {} };
  const docker = await dockerOf(engine);
  ({ port, closed } = await startIngress({ docker, port: 0, agents: [agent.id], log, signal: over.signal }));
});
afterAll(async () => {
  over.abort();
  await closed;
  await world?.remove();
});

/** A second try has a preview of its own: the first one's has been voted in. */
let prs = 0;
const vote = async (host: string, choice: string) => {
  const asked = request({ host: "127.0.0.1", port, method: "POST", agent: false, headers: { host } });
  const answered = new Promise<string>((resolve, reject) => {
    asked.on("error", reject);
    asked.on("response", (response) => text(response).then(resolve, reject));
  });
  asked.end(choice);
  return await answered;
};

test("a poll counts votes by way of a queue and a worker, and shows them after a redeploy, too", async () => {
  const pr = ++prs;
  world.push(pr, poll());
  const deployed = async () => {
    const deployment = await world.ended((await world.deploy(pr)).id);
    expect(deployment).toMatchObject({ state: "running", error: null });
    return new URL(deployment.url ?? "").hostname.replace(/^ballot\./, "");
  };
  const host = await deployed();
  await expect
    .poll(() => askHost(port, `ballot.${host}`, "/"), patience)
    .toMatchObject({ body: "cats or dogs?" });
  for (const choice of ["cats", "dogs", "cats"]) expect(await vote(`ballot.${host}`, choice)).toBe("counted");
  const outcome = async () => (await askHost(port, `outcome.${host}`, "/cgi-bin/outcome")).body;
  await expect.poll(outcome, patience).toBe("cats 2\ndogs 1\n");

  const files = poll();
  world.push(pr, { ...files, "ballot/app.py": files["ballot/app.py"].replace("cats or dogs?", "which?") });
  await deployed();
  await expect.poll(() => askHost(port, `ballot.${host}`, "/"), patience).toMatchObject({ body: "which?" });
  await vote(`ballot.${host}`, "dogs");
  await expect.poll(outcome, patience).toBe("cats 2\ndogs 2\n");
  expect((await askHost(port, `store.${host}`, "/")).status).toBe(404);
});

test("a program behind nginx has its settings, its secret and its own address, after its migration", async () => {
  const pr = ++prs;
  world.push(pr, behindProxy());
  const deployment = await world.ended((await world.deploy(pr)).id);
  expect(deployment).toMatchObject({ state: "running", error: null });
  const { hostname } = new URL(deployment.url ?? "");
  const said = async () => JSON.parse((await askHost(port, hostname, "/")).body) as unknown;
  await expect
    .poll(said, patience)
    .toEqual(["ahoy there", deployment.url, hostname, "migrated", "0123456789ab".length]);
});
