import { type Docker, inspectImage, pullImage } from "../docker/index.js";
import { withDeadline } from "../errors/index.js";
import { applyFirewall, engineRoutes, type FirewallState } from "../preview/index.js";
import type { AgentConfig } from "./config.js";
import type { AgentLog } from "./log.js";
import { pause } from "./pause.js";

export interface FirewallLoopOptions {
  readonly docker: Docker;
  /** Id. */
  readonly agent: string;
  readonly config: Pick<AgentConfig, "firewall" | "previewPool">;
  readonly log: AgentLog;
  readonly signal: AbortSignal;
  /** Milliseconds between two looks. Default: five minutes. */
  readonly everyMs?: number;
}

/** The image of GALLEY_FIREWALL, where it names one. */
function firewallImage(firewall: string): string | undefined {
  return ["auto", "off", "host"].includes(firewall) ? undefined : firewall;
}

/** Routes of the engine's machine by the image of GALLEY_FIREWALL; undefined where it names none and those of this machine are meant. */
export function routesOf(
  docker: Docker,
  { firewall, agent }: { readonly firewall: string; readonly agent: string },
  signal: AbortSignal,
): (() => Promise<readonly string[]>) | undefined {
  const image = firewallImage(firewall);
  if (image === undefined) return undefined;
  return async () => {
    await ensureImage(docker, image, signal);
    return await engineRoutes(docker, { image, agent }, signal);
  };
}

async function ensureImage(docker: Docker, image: string, signal: AbortSignal): Promise<void> {
  if (!(await inspectImage(docker, image, signal))) await pullImage(docker, image, { signal });
}

const everyDefaultMs = 300_000;
const limitMs = 120_000;
const open =
  "previews are kept from each other by the engine alone: they may reach services of this machine, ports that it publishes, and metadata addresses";

/**
 * Puts the firewall's rules for previews in place and looks after them until the signal: they do not survive a reboot, and whoever sets up
 * a firewall anew removes them. Where that cannot be, it is said, and said again only when the reason changes.
 */
export function startFirewall(options: FirewallLoopOptions): { readonly done: Promise<void> } {
  const { docker, agent, config, log, signal, everyMs = everyDefaultMs } = options;
  const { firewall, previewPool: pool } = config;
  if (firewall === "off") {
    log.warn({}, `${open} (GALLEY_FIREWALL is off)`);
    return { done: Promise.resolve() };
  }
  let said: string | undefined;
  const say = (state: FirewallState) => {
    const text = state.applied
      ? "the firewall keeps previews from this machine and from each other"
      : `${open}: ${state.why}`;
    if (text === said) return;
    said = text;
    if (state.applied) log.info({ pool }, text);
    else log.warn({ pool }, text);
  };
  const once = async () => {
    const limit = withDeadline(signal, limitMs);
    try {
      const image = firewallImage(firewall);
      const by = image === undefined ? "host" : { image };
      if (by === "host" && process.getuid?.() !== 0) {
        say({ applied: false, why: "the agent is not root, and GALLEY_FIREWALL names no image" });
        return;
      }
      if (image !== undefined) await ensureImage(docker, image, limit);
      say(await applyFirewall(docker, { by, pool, agent, signal: limit }));
    } catch (error) {
      if (!signal.aborted) say({ applied: false, why: (error as Error).message });
    }
  };
  const loop = async () => {
    while (!signal.aborted) {
      await once();
      await pause(everyMs, signal);
    }
  };
  return { done: loop() };
}
