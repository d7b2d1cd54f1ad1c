import type { Figures } from "./scenario.js";

interface RawVertex {
  digest: string;
  name: string;
  cached?: boolean;
}

interface RawStatus {
  id: string;
  vertex: string;
  current: number;
  started?: string;
  completed?: string;
}

interface RawJson {
  vertexes?: RawVertex[];
  statuses?: RawStatus[];
  logs?: { data: string }[];
}

export interface Transfer {
  /** Bytes that the daemon has received for the context: stats and contents, without the gRPC and HTTP/2 framing. */
  readonly bytes: number;
  /** From the first packet to the last, as the daemon's clock has it. */
  readonly ms: number;
}

/** What `--progress rawjson` says of the build's context. The `.dockerignore` is a transfer of the same name: left out. */
export function readTransfer(rawjson: string): Transfer {
  const contexts = new Set<string>();
  let last: RawStatus | undefined;
  for (const { vertexes, statuses } of lines(rawjson)) {
    for (const { digest, name } of vertexes ?? []) {
      if (name === "[internal] load build context") contexts.add(digest);
    }
    for (const status of statuses ?? []) {
      if (status.id.startsWith("transferring ") && contexts.has(status.vertex)) last = status;
    }
  }
  if (!last?.started || !last.completed) throw new Error(`no finished transfer of a context in:\n${rawjson}`);
  return { bytes: last.current, ms: milliseconds(last.completed) - milliseconds(last.started) };
}

export const transferFigures = ({ bytes, ms }: Transfer): Figures => ({
  sentBytes: bytes,
  transferMs: ms,
  bytesPerSecond: bytes / (ms / 1000),
});

/** What the steps have printed. */
export function readLogs(rawjson: string): string {
  return lines(rawjson)
    .flatMap(({ logs }) => logs ?? [])
    .map(({ data }) => Buffer.from(data, "base64").toString("utf8"))
    .join("");
}

function lines(rawjson: string): RawJson[] {
  return rawjson
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as RawJson);
}

/** Milliseconds, with the digits that Date drops. */
function milliseconds(time: string): number {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? "0";
  return Date.parse(time.replace(/\.\d+/, "")) + Number(`0.${fraction}`) * 1000;
}
