import type { Rule } from "./rule.js";

const gone =
  /connection dropped|socket hang ?up|ECONNRESET|EPIPE|stream closed|transport is closing|error reading from server|RST_STREAM|GOAWAY|other side closed/i;
const containerdStore =
  "Turn on the containerd image store in the daemon's configuration (features: containerd-snapshotter), or choose another output.";

/** Space on the daemon's own disk: snapshots, unpacking a base image, receiving the context. */
export const diskRule: Rule = ({ message, vertex }) => {
  if (!/no space left on device|disk quota exceeded|\bENOSPC\b/i.test(message)) return undefined;
  const during = vertex?.name ? ` while working on ${vertex.name.replace(/\s+/g, " ").slice(0, 120)}` : "";
  return {
    code: "disk_full",
    message: `The daemon's disk is full${during}.`,
    hint: "Free space there: `docker builder prune` removes build cache, `docker image prune -a` unused images; `docker system df` shows what takes it.",
  };
};

/** The engine has no such exporter, cache, entitlement or call. */
export const engineRule: Rule = ({ message, grpcCode }) => {
  const exporter = /exporter "?([\w.-]+)"? could not be found/.exec(message)?.[1];
  const cache = /unknown cache (?:exporter|importer): "?([\w.-]+)"?/.exec(message)?.[1];
  if (exporter !== undefined || cache !== undefined) {
    return {
      code: "engine_unsupported",
      message: `This engine has no ${exporter === undefined ? `cache of type ${cache}` : `output of type ${exporter}`}.`,
      hint: containerdStore,
    };
  }
  const entitlement = /granting entitlement ([\w.-]+) is not allowed/.exec(message)?.[1];
  if (entitlement !== undefined) {
    return {
      code: "engine_unsupported",
      message: `This engine does not allow ${entitlement}.`,
      hint: "Build without it, or allow the entitlement in the daemon's configuration.",
    };
  }
  if (grpcCode !== 12) return undefined;
  return {
    code: "engine_unsupported",
    message: "This engine does not know a call that the build needs.",
    hint: "Use a newer engine, or leave out the option that needs it.",
  };
};

/** The session is how the daemon reaches our files and secrets. */
export const sessionRule: Rule = ({ message, known }) => {
  const told =
    /no active session|session healthcheck failed|failed to get session|no local sources enabled/i.test(
      message,
    );
  const echoed = known.sessionLost === true && (known.channelLost !== true || told);
  if (!told && !echoed) return undefined;
  return {
    code: "session_lost",
    message:
      "The session with the daemon was lost during the build: it could no longer get files or secrets.",
    hint: "Build again; if it happens again, look for a proxy or a timeout between here and the daemon, or a machine under heavy load.",
  };
};

/** The connection broke: with anything heard of the solve before, the daemon went away; without, it was never there. */
export const channelRule: Rule = ({ message, known, grpcCode, details }) => {
  // With details the outcome is known, be it from build history: the channel may have broken after it.
  if (details !== undefined) return undefined;
  if (known.channelLost !== true && grpcCode !== 14 && !gone.test(message)) return undefined;
  const at = known.endpoint === undefined ? "" : ` at ${known.endpoint}`;
  const never = known.channelLost !== true && (known.evidence?.vertices().length ?? 0) === 0;
  if (never && /EACCES|EPERM|permission denied/i.test(message)) {
    return {
      code: "daemon_permission",
      message: `This user may not use the daemon's socket${at}.`,
      hint: "Run as a user of the socket's group (`sudo usermod -aG docker $USER`, then log in again), or as root.",
    };
  }
  if (never && /ENOENT|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|no connection established/i.test(message)) {
    return {
      code: "daemon_unreachable",
      message: `The daemon${at} could not be reached.`,
      hint: "Start the daemon, or correct the address in DOCKER_HOST or --builder.",
    };
  }
  return {
    code: "daemon_gone",
    message: `The connection to the daemon${at} broke during the build: it was stopped, restarted, or crashed.`,
    hint: "Check that the daemon runs again (`docker info`) and read its log, then build again: finished steps are cached.",
  };
};

/** The daemon says it was cancelled, and nobody here did. */
export const cancelledRule: Rule = ({ message, grpcCode }) => {
  if (grpcCode === 4 || /^(?:rpc error: .*)?context deadline exceeded$/.test(message)) {
    return {
      code: "timeout",
      message: "The daemon did not finish in time.",
      hint: "Build again; if it stays slow, look at the load and the log of the daemon's machine.",
    };
  }
  if (grpcCode !== 1 && !/(?:^|: )context canceled$/.test(message)) return undefined;
  return {
    code: "cancelled",
    message: "The build was cancelled.",
    hint: "Build again: finished steps are cached.",
  };
};

/** Storing or sending the result. */
export const exportRule: Rule = ({ message, vertex }) => {
  const name = vertex?.name ?? "";
  const push = /failed to push (\S+):/.exec(message)?.[1] ?? /^pushing (\S+)/.exec(name)?.[1];
  if (push !== undefined) {
    return {
      code: "push_failed",
      message: `The image ${push} could not be pushed.`,
      hint: "Check the repository's name, that you may write to it, and that the registry has space.",
    };
  }
  if (
    !/^(?:exporting|sending tarball|copying files|\[auth\].*push)/.test(name) &&
    !/^failed to export|error writing (?:layer blob|manifest)/.test(message)
  ) {
    return undefined;
  }
  return {
    code: "export_failed",
    message: "The steps were built, but the result could not be stored.",
    hint: "Check the output's options, and space and permissions where it is to be written.",
  };
};
