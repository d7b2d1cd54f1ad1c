import { randomBytes } from "node:crypto";
import { get } from "node:http";
import { containerEnd, type Docker, lastLogLines, removeContainer, startContainer } from "../docker/index.js";
import { abortAfter, GalleyError, withDeadline } from "../errors/index.js";
import { labelKeys, type Owner, ownerLabels } from "./labels.js";

export interface ProbeTarget {
  /** Id. */
  readonly container: string;
  /** On the environment's network. */
  readonly address: string;
  readonly port: number;
  /** Port on 127.0.0.1, where there is one. */
  readonly published: number | undefined;
  readonly path: string;
  /** The status that ends the wait; undefined: any. */
  readonly status: number | undefined;
}

/**
 * Asks a service once over HTTP, or for some seconds until it answers as it should. Resolves with the last status, undefined when
 * nothing answered.
 */
export type Probe = (target: ProbeTarget, signal: AbortSignal) => Promise<number | undefined>;

/** Milliseconds that one question may take. */
const ANSWER_MS = 5_000;

/**
 * Asks from this process, by the published port or else by address. For an agent on the engine's own machine, which reaches every
 * bridge, or beside an engine that publishes.
 */
export const directProbe: Probe = ({ address, port, published, path }, signal) =>
  new Promise((resolve) => {
    const limit = withDeadline(signal, ANSWER_MS);
    const at = published === undefined ? { host: address, port } : { host: "127.0.0.1", port: published };
    const request = get({ ...at, path: escaped(path), agent: false, signal: limit });
    request.on("response", (response) => {
      resolve(response.statusCode);
      response.destroy();
    });
    request.on("error", () => resolve(undefined));
    request.on("close", () => resolve(undefined));
  });

/** Milliseconds for which the container below goes on asking: it takes a quarter of a second to start. */
const PATIENCE_MS = 5_000;

/** Prints the last status, or 0. Asks by the container's own address: what listens on 127.0.0.1 alone is out of the proxy's reach. */
const SCRIPT = `
const [host, port, path, wanted, patience] = process.argv.slice(1);
const end = Date.now() + Number(patience);
const ask = () => new Promise((resolve) => {
  const request = require("node:http").get({ host, port, path, agent: false, timeout: Number(patience) });
  request.on("response", (response) => { resolve(response.statusCode); request.destroy(); });
  request.on("timeout", () => request.destroy());
  request.on("error", () => resolve(0));
});
(async () => {
  for (;;) {
    const status = await ask();
    if (status && (wanted === "any" || status === Number(wanted)) || Date.now() > end) { console.log(status); process.exit(0); }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
})();
`;

/**
 * Asks from a container that shares the service's network. For an agent that is in a container itself: connected to the networks of
 * previews, it would be open to them.
 *
 * @param image one with `node` in its PATH, on the engine already
 */
export function containerProbe(docker: Docker, owner: Owner, image: string): Probe {
  return async ({ container, address, port, path, status }, signal) => {
    const asked = [address, String(port), escaped(path), String(status ?? "any"), String(PATIENCE_MS)];
    const spec = {
      name: `galley-pv-${owner.environment}-probe-${randomBytes(4).toString("hex")}`,
      image,
      labels: { ...ownerLabels(owner), [labelKeys.role]: "probe" },
      env: {},
      entrypoint: ["node"],
      command: ["-e", SCRIPT, "--", ...asked],
      network: `container:${container}`,
      aliases: [],
      publish: {},
      capabilities: [],
      limits: { memory: 128 * 1024 * 1024 },
    };
    let id: string;
    try {
      id = await startContainer(docker, spec, signal);
    } catch (error) {
      // The service has ended meanwhile, which whoever waits for it will see.
      if (error instanceof GalleyError && error.code === "container_failed") return undefined;
      throw error;
    }
    try {
      await containerEnd(docker, id, signal, 4 * PATIENCE_MS);
      const [line] = await lastLogLines(docker, id, 1, signal);
      return Number(line) || undefined;
    } finally {
      await removeContainer(docker, id, abortAfter(30_000));
    }
  };
}

/** The path as a request line may carry it. */
function escaped(path: string): string {
  return [...Buffer.from(path)]
    .map((byte) =>
      byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, "0")}`,
    )
    .join("");
}
