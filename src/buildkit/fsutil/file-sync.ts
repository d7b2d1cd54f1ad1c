import { RpcError, rpcStatus, type SessionCall, type SessionService } from "../session/service.js";
import { SendCounter, type SendProgress, sendTree } from "./send.js";
import type { ContextTree, TreeFilter } from "./tree.js";

export interface FileSyncOptions {
  /**
   * What was sent of contexts so far; at most every 100 ms, and once when a call ends. Dockerfile and ignore files, which the
   * daemon reads anew in every build, are not counted.
   */
  readonly onProgress?: (progress: SendProgress) => void;
  /**
   * Why a transfer failed on this side (`context_changed`, an unreadable file ...). The daemon only passes on a text, so a
   * solve should prefer this error to the daemon's.
   */
  readonly onError?: (error: unknown, dirName: string) => void;
}

const progressIntervalMs = 100;

/**
 * Serves trees as build contexts by dir-name ("context", "dockerfile", those of named contexts) through
 * `moby.filesync.v1.FileSync`. The daemon says what it wants in metadata: dir-name, include-patterns, exclude-patterns,
 * followpaths (BuildKit session/filesync). A dir-name that is not in `trees` is refused. Does not close the trees.
 */
export function createFileSync(
  trees: Readonly<Record<string, ContextTree>>,
  options: FileSyncOptions = {},
): SessionService {
  const byName = new Map(Object.entries(trees));
  const counter = new SendCounter();
  const uncounted = new SendCounter();
  const diffCopy = async (call: SessionCall): Promise<void> => {
    const name = call.metadata.first("dir-name") ?? "";
    const tree = byName.get(name);
    if (tree === undefined) {
      throw new RpcError(
        rpcStatus.notFound,
        `no access allowed to dir ${JSON.stringify(name.slice(0, 200))}`,
      );
    }
    const report = () => options.onProgress?.({ ...counter });
    const timer = setInterval(report, progressIntervalMs);
    try {
      const filter = filterOf(call);
      await sendTree(call, tree, filter, readsAnew(name, filter) ? uncounted : counter);
    } catch (error) {
      if (error !== call.signal.reason) options.onError?.(error, name);
      throw error;
    } finally {
      clearInterval(timer);
      report();
    }
  };
  return { methods: { "/moby.filesync.v1.FileSync/DiffCopy": diffCopy } };
}

/** Whether this call is for what defines the build (BuildKit frontend/dockerui): a Dockerfile, an ignore file. */
function readsAnew(name: string, { followPaths }: TreeFilter): boolean {
  return (
    name === "dockerfile" || (followPaths.length > 0 && followPaths.every((path) => path === ".dockerignore"))
  );
}

function filterOf(call: SessionCall): TreeFilter {
  return {
    includePatterns: call.metadata.all("include-patterns"),
    excludePatterns: call.metadata.all("exclude-patterns"),
    followPaths: call.metadata.all("followpaths"),
  };
}
