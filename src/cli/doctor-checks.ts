import { execFile } from "node:child_process";
import { statfs } from "node:fs/promises";
import { promisify } from "node:util";
import { hasBusybox } from "../../cache/index.js";
import {
  type BuildKitClient,
  BuildKitError,
  createFilesTree,
  type EngineFeatures,
  formatBytes,
  formatDuration,
} from "../buildkit/index.js";
import { type Docker, engineFacts } from "../docker/index.js";
import { withDeadline } from "../errors/index.js";

/** One line of the doctor: what was looked at, what was found, and what it means for the reader. */
export interface Finding {
  readonly check: string;
  readonly state: "ok" | "limited" | "problem";
  readonly found: string;
  /** What it means, and what would change it. Empty for what is as it should be. */
  readonly meaning: string;
}

/** Bytes below which builds are at risk. */
const LOW_DISK = 5e9;

/** Looks at a connected BuildKit, and at the API of its Docker Engine where it is one. Never throws: what fails is a finding. */
export async function examine(
  client: BuildKitClient,
  docker: Docker | undefined,
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { engine } = client;
  if (engine) {
    findings.push({
      check: "engine",
      state: "ok",
      found: `Docker Engine ${engine.version}, API ${engine.apiVersion}, ${engine.os}/${engine.arch}, ${client.transport.route}`,
      meaning: "",
    });
  } else {
    findings.push({
      check: "engine",
      state: "ok",
      found: `buildkitd at ${client.transport.where}`,
      meaning: "",
    });
  }
  const features = await attempt("features", findings, () => client.features(signal));
  if (features) findings.push(...featureFindings(features));
  findings.push(await tryBuild(client, signal));
  const usage = await attempt("build cache", findings, () => client.diskUsage({ signal }));
  if (usage) {
    const total = usage.reduce((sum, record) => sum + record.size, 0);
    const free = usage.filter((record) => !record.inUse).reduce((sum, record) => sum + record.size, 0);
    findings.push({
      check: "build cache",
      state: "ok",
      found: `${usage.length} records, ${formatBytes(total)}, of which ${formatBytes(free)} could be freed`,
      meaning: "",
    });
  }
  const disk = await diskFinding(docker, signal);
  if (disk) findings.push(disk);
  findings.push(await gitFinding(), await keptMountsFinding());
  return findings;
}

async function attempt<T>(check: string, findings: Finding[], run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    findings.push(problem(check, error));
    return undefined;
  }
}

export function problem(check: string, error: unknown): Finding {
  const known = error instanceof BuildKitError;
  return {
    check,
    state: "problem",
    found: error instanceof Error ? error.message : String(error),
    meaning: (known && error.hint) || "",
  };
}

const labels: Partial<Record<keyof EngineFeatures, string>> = {
  imageStore: "images in the engine's store",
  archives: "oci and docker archives",
  cacheExport: "cache export to a directory or registry",
  localCacheImport: "cache import from a directory",
  mountIds: "cache mounts by repository",
  attestations: "provenance and SBOM",
  multiPlatform: "several platforms in one image",
  heredoc: "heredocs and COPY --link",
  namedContexts: "named contexts",
  gitSubdirectory: "directories of git URLs",
  history: "build history",
  multipleExports: "several outputs of one build",
};

function featureFindings(features: EngineFeatures): Finding[] {
  const store: Finding = {
    check: "image store",
    state: "ok",
    found:
      features.store === "containerd" ? "containerd image store" : "the engine's own (graph driver) store",
    meaning: "",
  };
  const rest = Object.entries(labels).map(([name, label]): Finding => {
    const can = features[name as keyof EngineFeatures] === true;
    return {
      check: label,
      state: can ? "ok" : "limited",
      found: can ? "yes" : "no",
      meaning: can ? "" : (features.reasons[name as keyof EngineFeatures["reasons"]] ?? ""),
    };
  });
  const calls: Finding = {
    check: "--check and --call",
    state: features.subrequests.length > 0 ? "ok" : "limited",
    found: features.subrequests.length > 0 ? features.subrequests.join(", ") : "no",
    meaning: features.subrequests.length > 0 ? "" : (features.reasons.subrequests ?? ""),
  };
  const layers: Finding = {
    check: "kept layers",
    state: features.cacheExport ? "ok" : "limited",
    found: features.cacheExport
      ? "of every build of an agent here"
      : features.localCacheImport
        ? "read, but not stored"
        : "no",
    meaning: features.cacheExport ? "" : (features.reasons.cacheExport ?? ""),
  };
  return [store, ...rest, calls, layers];
}

/** The whole way once: a session, a context of one small file, a solve. Nothing is kept but a cache record of a few bytes. */
async function tryBuild(client: BuildKitClient, signal: AbortSignal): Promise<Finding> {
  const tree = createFilesTree(new Map([["Dockerfile", "FROM scratch\nCOPY Dockerfile /\n"]]));
  const start = performance.now();
  try {
    await client.solve({
      trees: { context: tree, dockerfile: tree },
      sharedKey: "galley-doctor",
      signal: withDeadline(signal, 30_000),
    });
    return {
      check: "a small build",
      state: "ok",
      found: `done in ${formatDuration(performance.now() - start)}`,
      meaning: "",
    };
  } catch (error) {
    return problem("a small build", error);
  }
}

async function diskFinding(docker: Docker | undefined, signal: AbortSignal): Promise<Finding | undefined> {
  if (!docker) return undefined;
  const root = (await engineFacts(docker, signal).catch(() => undefined))?.rootDirectory;
  if (!root) return undefined;
  // An engine on another machine has its disk there; a path that is not here says nothing.
  const stat = await statfs(root).catch(() => undefined);
  if (!stat) return undefined;
  const free = stat.bavail * stat.bsize;
  const low = free < LOW_DISK;
  return {
    check: "disk",
    state: low ? "problem" : "ok",
    found: `${formatBytes(free)} of ${formatBytes(stat.blocks * stat.bsize)} free at ${root}`,
    meaning: low
      ? "Builds fail when it is full: remove images and cache (docker image prune, docker builder prune)."
      : "",
  };
}

async function keptMountsFinding(): Promise<Finding> {
  const check = "kept cache mounts";
  if (await hasBusybox())
    return { check, state: "ok", found: "by the static busybox of this machine", meaning: "" };
  return {
    check,
    state: "limited",
    found: "by the tools of each image",
    meaning:
      "An agent here keeps the cache mounts of steps whose image has sh, tar, find, stat, sort and sha256sum. Install busybox-static to keep all.",
  };
}

async function gitFinding(): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)("git", ["--version"], { timeout: 5_000 });
    return { check: "git", state: "ok", found: stdout.trim(), meaning: "" };
  } catch {
    return {
      check: "git",
      state: "limited",
      found: "not found on the PATH",
      meaning: "Commits of local repositories cannot be built; directories, URLs and stdin can. Install git.",
    };
  }
}
