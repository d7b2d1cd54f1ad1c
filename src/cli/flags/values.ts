import { isIP } from "node:net";
import type { Ulimit } from "../../build/index.js";
import { usageError } from "../usage-error.js";

/** `--build-arg NAME=VALUE`, or `NAME` alone for the value in the environment (left out when it is not set there). */
export function parseBuildArgs(values: readonly string[], env: NodeJS.ProcessEnv): Record<string, string> {
  const args: Record<string, string> = {};
  for (const value of values) {
    const equals = value.indexOf("=");
    const name = equals < 0 ? value : value.slice(0, equals);
    if (!name)
      throw usageError(`--build-arg ${value}: the name is missing`, "The form is NAME=VALUE or NAME.");
    if (equals >= 0) args[name] = value.slice(equals + 1);
    else if (env[name] !== undefined) args[name] = env[name];
  }
  return args;
}

/** `--label NAME=VALUE`; `NAME` alone is an empty value. */
export function parseLabels(values: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    values.map((value) => {
      const equals = value.indexOf("=");
      const name = equals < 0 ? value : value.slice(0, equals);
      if (!name) throw usageError(`--label ${value}: the name is missing`, "The form is NAME=VALUE.");
      return [name, equals < 0 ? "" : value.slice(equals + 1)];
    }),
  );
}

const unit: Record<string, number> = { "": 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** `64m`, `1.5g`, `67108864`: bytes, in powers of 1024. */
export function parseBytes(value: string, flag: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?$/i.exec(value.trim());
  const factor = unit[match?.[2]?.toLowerCase() ?? "?"];
  if (!match?.[1] || factor === undefined) {
    throw usageError(
      `${flag} ${value}: not a size`,
      "Write a number of bytes, or one with k, m or g: 64m, 1.5g.",
    );
  }
  return Math.floor(Number(match[1]) * factor);
}

/** `--ulimit nofile=1024[:2048]`; -1 is unlimited. */
export function parseUlimits(values: readonly string[]): Ulimit[] {
  return values.map((value) => {
    const match = /^([a-z]+)=(-1|\d+)(?::(-1|\d+))?$/.exec(value);
    if (!match?.[1] || !match[2]) {
      throw usageError(
        `--ulimit ${value}: not a limit`,
        "The form is NAME=SOFT[:HARD], for example nofile=1024:2048.",
      );
    }
    const soft = Number(match[2]);
    const hard = Number(match[3] ?? match[2]);
    if (hard !== -1 && (soft === -1 || soft > hard)) {
      throw usageError(`--ulimit ${value}: the soft limit is above the hard one`);
    }
    return { name: match[1], soft, hard };
  });
}

/** `--add-host db:10.0.0.1` or `db=10.0.0.1` (several with commas); `host-gateway` is left to the engine. */
export function parseHosts(values: readonly string[]): string[] {
  return values
    .flatMap((value) => value.split(","))
    .filter(Boolean)
    .map((value) => {
      const match = /^([^:=\s]+)[:=](.+)$/.exec(value);
      const address = match?.[2]?.replace(/^\[(.*)\]$/, "$1");
      if (!match?.[1] || !address || (address !== "host-gateway" && isIP(address) === 0)) {
        throw usageError(
          `--add-host ${value}: not a host`,
          "The form is NAME:ADDRESS, for example db:10.0.0.1.",
        );
      }
      return `${match[1]}=${address}`;
    });
}

/** `--platform linux/amd64,linux/arm64` (several flags or commas), normalised as containerd does. */
export function parsePlatforms(values: readonly string[]): string[] {
  const platforms = values
    .flatMap((value) => value.split(","))
    .map((value) => value.trim())
    .filter(Boolean);
  for (const platform of platforms) {
    if (!/^[a-z0-9]+(\/[a-z0-9_]+){0,2}$/i.test(platform)) {
      throw usageError(
        `--platform ${platform}: not a platform`,
        "The form is OS/ARCH[/VARIANT], for example linux/amd64.",
      );
    }
  }
  return platforms.map((platform) => normalisePlatform(platform.toLowerCase()));
}

const architectures: Record<string, string> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  aarch64: "arm64",
  armhf: "arm/v7",
  armel: "arm/v6",
  i386: "386",
  i686: "386",
};

function normalisePlatform(platform: string): string {
  const [first = "", second, variant] = platform.split("/");
  if (second === undefined) {
    return `linux/${architectures[first] ?? first}`;
  }
  const architecture = architectures[second] ?? second;
  // arm64's v8 is what arm64 means, containerd leaves it out.
  return [first, architecture, architecture === "arm64" && variant === "v8" ? undefined : variant]
    .filter(Boolean)
    .join("/");
}

/** `--network default|none|host`. */
export function parseNetwork(value: string): "default" | "none" | "host" {
  if (value === "default" || value === "none" || value === "host") return value;
  throw usageError(`--network ${value}: BuildKit knows default, none and host`);
}

/** `--port 8080`. */
export function parsePort(value: string, flag = "--port"): number {
  const port = Number(value);
  if (/^\d{1,5}$/.test(value) && port > 0 && port < 65536) return port;
  throw usageError(`${flag} ${value}: not a port`, "Give a number from 1 to 65535.");
}
