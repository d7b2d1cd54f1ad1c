import { chmod, rm } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { GalleyError } from "../errors/index.js";
import type { Opened } from "./opened.js";
import type { Change, Switches } from "./switches.js";

const containerId = /^[0-9a-f]{64}$/;
const MOST_IDS = 200;

/**
 * Answers the agent on this machine when requests have moved: `GET /moved?to=ID,ID&from=ID` gets 204 then, and nothing before. Who asks has
 * opened the new ones, whatever the engine says of them until it looks. On a unix socket that only this user opens: nothing that runs in a container can reach it or take its place.
 *
 * @throws port_in_use when another ingress answers there, or the path cannot be had
 */
export async function serveSwitches(
  { switches, opened }: { readonly switches: Switches; readonly opened: Opened },
  path: string,
  signal: AbortSignal,
): Promise<{ close(): Promise<void> }> {
  const answer = (response: ServerResponse, status: number) =>
    void response.writeHead(status, { "content-length": 0 }).end();
  const server = createServer((request, response) => {
    const change = changeOf(request.url ?? "");
    if (request.method !== "GET" || !change) return answer(response, change ? 405 : 400);
    // Also when whoever asks has gone away.
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    opened.add(change.to);
    void switches
      .moved(change, AbortSignal.any([signal, gone.signal]))
      .then((moved) => answer(response, moved ? 204 : 503));
  });
  const listen = () =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, () => {
        server.removeListener("error", reject);
        resolve();
      });
    });
  try {
    await listen().catch(async (error: NodeJS.ErrnoException) => {
      // What an ingress has left that was killed has nobody behind it.
      if (error.code !== "EADDRINUSE" || (await answers(path))) throw error;
      await rm(path, { force: true });
      await listen();
    });
    await chmod(path, 0o600);
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    throw new GalleyError("port_in_use", `the ingress cannot listen on the socket ${path} (${code})`, {
      hint: "Choose another path (GALLEY_INGRESS_SOCKET), of at most 100 characters, that no other ingress has.",
      cause: error,
    });
  }
  return {
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Undefined: no such question. */
function changeOf(target: string): Change | undefined {
  if (!URL.canParse(target, "http://ingress")) return undefined;
  const { pathname, searchParams } = new URL(target, "http://ingress");
  const ids = (name: string) => (searchParams.get(name) ?? "").split(",").filter((id) => id !== "");
  const change = { to: ids("to"), from: ids("from") };
  const all = [...change.to, ...change.from];
  const fine = all.length <= MOST_IDS && all.every((id) => containerId.test(id));
  return pathname === "/moved" && fine ? change : undefined;
}

const answers = (path: string) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(path);
    const told = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.once("connect", () => told(true)).once("error", () => told(false));
  });
