import type { ContainerState } from "../docker/index.js";
import { GalleyError, type GalleyErrorCode } from "../errors/index.js";
import type { ListeningSocket } from "./sockets.js";

/** How a container came to its end. */
export interface End {
  readonly exitCode: number;
  /** Seen at any of its ends: the engine forgets it with the next start. */
  readonly outOfMemory: boolean;
  /** How often it was started again meanwhile. */
  readonly restarts: number;
  readonly command: readonly string[];
  /** Bytes; 0: no limit. */
  readonly memoryLimit: number;
}

/** Why a service (or a hook of one) is not there, in words, with its last lines. */
export function endedError(what: string, end: End, log: readonly string[]): GalleyError {
  const { exitCode, restarts, outOfMemory } = end;
  const times = restarts > 0 ? `, and again after each of ${restarts} restarts` : "";
  const { how, hint } = outOfMemory
    ? {
        how: `ran out of memory${end.memoryLimit > 0 ? `: its limit is ${megabytes(end.memoryLimit)}` : ""}`,
        hint: "Give it more memory (resources.memory).",
      }
    : howEnded(exitCode, end.command, log);
  return failure("container_failed", `${what} ${how}${times}`, log, hint);
}

function howEnded(exitCode: number, command: readonly string[], log: readonly string[]) {
  const line = shown(command);
  if (log.some((text) => /exec format error/i.test(text))) {
    return {
      how: `ended with exit code ${exitCode}: its program is not one for this machine`,
      hint: "Build the image for the engine's platform. A script needs its #! line.",
    };
  }
  switch (exitCode) {
    case 0:
      return {
        how: "ended with exit code 0, and is meant to go on",
        hint: "Its command has to stay in the foreground. A service that is meant to end says `restart: no`.",
      };
    case 126:
      return {
        how: `ended with exit code 126: its command cannot be executed (${line})`,
        hint: "The file has no permission to be executed, or is none that could be.",
      };
    case 127:
      return {
        how: `ended with exit code 127: its command was not found (${line})`,
        hint: "Check the command, and that the image has that program in its PATH.",
      };
    default: {
      const signal = exitCode > 128 && exitCode < 160 ? ` (signal ${exitCode - 128})` : "";
      return {
        how: `ended with exit code ${exitCode}${signal}`,
        hint: "Its last output says why; the command is that of its image or of the manifest.",
      };
    }
  }
}

/** The same for a container that the engine could not even start, in the words that its runtime has for it. */
export function startFailure(
  what: string,
  error: GalleyError,
  command: readonly string[] | undefined,
): GalleyError {
  if (error.code !== "container_failed") return error;
  const line = command ? ` (${shown(command)})` : "";
  const known = [
    [
      /exec format error/i,
      "its program is not one for this machine",
      "Build the image for the engine's platform.",
    ],
    [
      /executable file not found|no such file or directory/i,
      `its command was not found${line}`,
      "Check the command, and that the image has that program in its PATH.",
    ],
    [
      /permission denied/i,
      `its command cannot be executed${line}`,
      "The file has no permission to be executed.",
    ],
    [
      /no command specified/i,
      "its image has no command",
      "Say which with `command`, or with CMD in its Dockerfile.",
    ],
    [
      /unable to find user|no matching entries in passwd/i,
      "its user is not in the image",
      "Check `user`, or USER in its Dockerfile.",
    ],
  ] as const;
  const found = known.find(([pattern]) => pattern.test(error.message));
  if (!found) return error;
  const [, how, hint] = found;
  return new GalleyError("container_failed", `${what} could not be started: ${how}\n  ${error.message}`, {
    hint,
    cause: error,
  });
}

export function failure(
  code: GalleyErrorCode,
  sentence: string,
  log: readonly string[],
  hint: string,
): GalleyError {
  const lines = log.map((line) => `\n  ${line}`).join("");
  return new GalleyError(code, `${sentence}${lines}`, { hint });
}

/** What there is to know of a container that has ended, or ends again and again. */
export function endOf(state: ContainerState, restarts: number, outOfMemory: boolean): End {
  const { exitCode, command, memoryLimit } = state;
  return { exitCode, command, memoryLimit, restarts, outOfMemory: outOfMemory || state.outOfMemory };
}

/** Where a service listens instead of on the port that it should, in words; undefined when that is not known. */
export function listensElsewhere(
  sockets: readonly ListeningSocket[] | undefined,
  port: number,
): string | undefined {
  if (!sockets) return undefined;
  const here = sockets.filter((socket) => socket.port === port);
  if (here.some(({ loopback }) => !loopback)) return undefined;
  if (here.length > 0)
    return `it listens on 127.0.0.1:${port} alone, where nobody but itself reaches it; let it listen on 0.0.0.0`;
  const ports = [...new Set(sockets.map((socket) => socket.port))].sort((a, b) => a - b);
  if (ports.length === 0) return "it listens on no port at all";
  return `it listens on port ${ports.slice(0, 5).join(", ")} instead`;
}

const megabytes = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MB`;

function shown(command: readonly string[]): string {
  const line = command.join(" ");
  return line.length > 120 ? `${line.slice(0, 120)}…` : line;
}
