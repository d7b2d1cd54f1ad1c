import { randomBytes } from "node:crypto";
import { LLBBridge, pb } from "../../../proto/index.js";
import { controlError } from "../control/rpc-error.js";
import { unary } from "../transport/rpc.js";
import type { Bridge } from "./bridge.js";
import { type ExecOptions, execProcess } from "./exec.js";

/** A mount of a gateway container: a result of the bridge, or a cache mount by its id with namespace. */
export type ContainerMount =
  | { readonly dest: string; readonly ref: string; readonly readonly?: boolean; readonly selector?: string }
  | {
      readonly dest: string;
      readonly cache: string;
      /**
       * Must be that of the builds that use it, unless none runs: a shared access to a mount that a build holds locked or
       * private creates a second, empty one of the same id.
       */
      readonly sharing: "shared" | "private" | "locked";
      readonly readonly?: boolean;
      /** A result that the mount is seeded with, which is part of its name: `uid=`, `gid=`, `mode=` and `from=` of a Dockerfile. */
      readonly ref?: string;
      readonly selector?: string;
    };

export interface ContainerExecOptions extends ExecOptions {
  /** One has dest "/". */
  readonly mounts: readonly ContainerMount[];
}

const sharings = {
  shared: pb.CacheSharingOpt.SHARED,
  private: pb.CacheSharingOpt.PRIVATE,
  locked: pb.CacheSharingOpt.LOCKED,
} as const;

const releaseMs = 5_000;

/**
 * Runs one process in a container of its own, which leaves no layer. A container ends with its first process, so there is no
 * second one in it.
 *
 * @param within ends the container with the gateway
 * @returns the exit code
 */
export async function execInContainer(
  bridge: Bridge,
  options: ContainerExecOptions,
  within: AbortSignal,
): Promise<number> {
  const containerId = randomBytes(12).toString("hex");
  const signal = options.signal === undefined ? within : AbortSignal.any([within, options.signal]);
  const call = { metadata: bridge.metadata };
  try {
    const request = { containerId, mounts: options.mounts.map(wireMount) };
    await unary(bridge.client, LLBBridge.methods.NewContainer, request, { ...call, signal }).catch(
      (error: unknown) => {
        throw controlError(error, "Making a container", signal);
      },
    );
    return await execProcess(bridge, containerId, { ...options, signal });
  } finally {
    // What cannot be released ends with the gateway, but for 20.10; the outcome of the process is what counts.
    const request = { containerId };
    await unary(bridge.client, LLBBridge.methods.ReleaseContainer, request, {
      ...call,
      timeoutMs: releaseMs,
    }).catch(() => {});
  }
}

function wireMount(mount: ContainerMount): pb.Mount.Init {
  // -1 means none; left out, it would mean the first.
  const common = { dest: mount.dest, input: -1, output: -1, readonly: mount.readonly ?? false };
  const seed = {
    ...(mount.ref === undefined ? {} : { resultId: mount.ref }),
    ...(mount.selector === undefined ? {} : { selector: mount.selector }),
  };
  if ("cache" in mount) {
    return {
      ...common,
      ...seed,
      mountType: pb.MountType.CACHE,
      cacheOpt: { id: mount.cache, sharing: sharings[mount.sharing] },
    };
  }
  return { ...common, ...seed };
}
