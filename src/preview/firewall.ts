import { spawn } from "node:child_process";
import type { Docker } from "../docker/index.js";
import { withDeadline } from "../errors/index.js";
import { firewallScript, NO_IPTABLES, NO_RULES } from "./firewall-rules.js";
import { type Ended, onEngineMachine } from "./host-container.js";
import { DEFAULT_POOL } from "./network.js";

export interface FirewallOptions {
  /** As for `startEnvironment`. */
  readonly pool?: string | undefined;
  /**
   * `host`: this process sets the rules of its own machine, which has to be the engine's, as root. Else an image with a shell and iptables,
   * of which a container does it that sees the machine's network and may change nothing else.
   */
  readonly by: "host" | { readonly image: string };
  /** Id of the agent. */
  readonly agent: string;
  readonly signal: AbortSignal;
}

/** Whether the rules are in place, and where they are not, why. */
export type FirewallState = { readonly applied: true } | { readonly applied: false; readonly why: string };

const LIMIT_MS = 60_000;

/**
 * Puts the firewall's rules for previews in place, or finds that they are. They survive the engine's restart and not that of its machine:
 * to be called at the agent's start, and now and then.
 *
 * @throws engine_unreachable, image_not_found, and the signal's reason
 */
export async function applyFirewall(docker: Docker, options: FirewallOptions): Promise<FirewallState> {
  const script = firewallScript(options.pool ?? DEFAULT_POOL);
  const { by, agent, signal } = options;
  const { exitCode, output } =
    by === "host"
      ? await onThisMachine(script, signal)
      : await onEngineMachine(docker, { image: by.image, agent, script }, signal);
  if (exitCode === 0) return { applied: true };
  const where = by === "host" ? "this machine" : `the image ${by.image}`;
  if (exitCode === NO_IPTABLES) return { applied: false, why: `${where} has no iptables` };
  if (exitCode === NO_RULES) {
    return {
      applied: false,
      why: "there is no chain DOCKER-USER: the engine keeps no rules (`iptables: false`), or another machine's network was looked at",
    };
  }
  return { applied: false, why: output.trim() || `iptables ended with exit code ${exitCode}` };
}

function onThisMachine(script: string, signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const limit = withDeadline(signal, LIMIT_MS);
    const child = spawn("/bin/sh", ["-c", script], { stdio: ["ignore", "ignore", "pipe"], signal: limit });
    let output = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-2_000);
    });
    child.on("error", (error) => {
      if (signal.aborted) reject(signal.reason);
      else resolve({ exitCode: -1, output: error.message });
    });
    child.on("close", (code) => resolve({ exitCode: code ?? -1, output }));
  });
}
