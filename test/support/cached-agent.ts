// Lets a test's agent answer questions about caches as a real one does, from a data directory of the test's.
import { answerCache } from "../../cache/index.js";
import { Readers } from "../../src/agent/readers.js";
import type { BuildKitClient } from "../../src/buildkit/index.js";
import { onCommand, sendRuntime } from "../../src/bus/index.js";
import type { ImageUsage } from "../../src/docker/index.js";
import type { TestAgent } from "../queue/agent.js";
import type { TestBus } from "./bus.js";

export interface UsageTold {
  /** Of those that may be removed. */
  readonly id?: string;
  readonly type: string;
  readonly size: number;
  readonly inUse: boolean;
  readonly description: string;
}

interface Holding {
  /** What BuildKit would say that it holds. Default: nothing. */
  readonly records?: readonly UsageTold[];
  /** Default: 20 GB, and half of it. */
  readonly budget?: { readonly all: number; readonly repository: number };
  /** What the engine would say of its images. Default: nothing. */
  readonly images?: ImageUsage;
}

export async function answerCaches(
  { id, connection }: TestAgent,
  bus: TestBus,
  dataDirectory: string,
  { records = [], budget = { all: 20e9, repository: 10e9 }, images }: Holding = {},
): Promise<{ close(): void }> {
  const over = new AbortController();
  const readers = new Readers({
    lines: async function* () {},
    usage: async () => [],
    cache: (question, onProgress, signal) =>
      answerCache(question, {
        dataDirectory,
        connect: async () =>
          ({
            diskUsage: async () => records,
            features: async () => ({ cacheExport: true, localCacheImport: true }),
            close: () => {},
          }) as unknown as BuildKitClient,
        budget: async () => budget,
        ...(images ? { images: async () => images } : {}),
        now: Date.now,
        onProgress,
        signal,
      }),
    send: (request, reply) => sendRuntime(connection, id, request, reply),
    signal: over.signal,
  });
  const hearing = await onCommand({
    connection,
    agent: id,
    log: bus.log,
    handler: (command) => {
      if (command.type === "cache") void readers.begin(command);
      else if (command.type === "more") readers.more(command.request, command.upTo);
      else if (command.type === "leave") readers.leave(command.request);
    },
  });
  return {
    close: () => {
      over.abort();
      hearing.close();
    },
  };
}
