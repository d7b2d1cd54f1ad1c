import type { Docker } from "../docker/index.js";
import type { IngressLog } from "./log.js";
import { Opened } from "./opened.js";
import { hostName } from "./rule.js";
import { listenFor } from "./server.js";
import { serveSwitches } from "./switch-server.js";
import { Switches } from "./switches.js";
import { type RoutingTable, routingTable, type Upstream } from "./table.js";
import { watchContainers } from "./watch.js";

export interface IngressOptions {
  readonly docker: Docker;
  /** 0: a free one. */
  readonly port: number;
  /** Default: 127.0.0.1, where nobody but this machine asks. */
  readonly address?: string | undefined;
  /** The one of Traefik's entry points that this ingress stands for. Default: `web`. */
  readonly entrypoint?: string | undefined;
  /**
   * Ids of the agents whose containers get requests; those of others may ask for the same hosts, and for any. Default: whatever on the engine
   * asks for a route by Traefik's labels.
   */
  readonly agents?: readonly string[] | undefined;
  /**
   * Reach containers by the port that they publish on 127.0.0.1, where they do. For engines whose networks this machine cannot
   * reach, such as those in a virtual machine. Default: false.
   */
  readonly usePublished?: boolean | undefined;
  /**
   * Who answers for hosts below a domain that have no route: the server, which wakes hibernated previews. Default: nobody, they are told
   * that there is nothing.
   */
  readonly waking?: { readonly upstream: Upstream; readonly domain: string } | undefined;
  /** Path of a unix socket at which the agent on this machine asks whether requests have moved to new containers. Default: none. */
  readonly socket?: string | undefined;
  readonly log: IngressLog;
  /** Ends it. */
  readonly signal: AbortSignal;
}

export interface Ingress {
  readonly port: number;
  /** Settles when it has ended: no new requests, and those under way done or, after five seconds, cut off. */
  readonly closed: Promise<void>;
}

/**
 * Serves previews by host name, as a proxy would that reads their labels. Resolves when it listens and has seen the containers
 * that there are; an engine that is not there is waited for.
 *
 * @throws port_in_use, or the signal's reason
 */
export async function startIngress(options: IngressOptions): Promise<Ingress> {
  const { docker, log, signal, port, address = "127.0.0.1" } = options;
  const { entrypoint = "web", usePublished = false, waking } = options;
  signal.throwIfAborted();
  let table: RoutingTable = routingTable([], entrypoint, usePublished);
  let warned: ReadonlySet<string> = new Set();
  const asleep = (host: string) =>
    waking && hostName(host)?.endsWith(`.${waking.domain}`) ? waking.upstream : undefined;
  const opened = new Opened();
  const switches = new Switches((container) => table.leadsTo(container));
  const server = await listenFor(
    (host) => table.upstream(host) ?? asleep(host),
    { port, address },
    (container) => switches.begin(container),
  );
  const told = options.socket === undefined ? undefined : await asking(switches, options.socket);
  let seen = () => {};
  const first = new Promise<void>((resolve) => {
    seen = resolve;
  });
  const watching = watchContainers(docker, {
    agents: options.agents,
    log,
    signal,
    opened,
    onChange(containers) {
      table = routingTable(containers, entrypoint, usePublished);
      // Said once for as long as it holds.
      for (const problem of table.problems) if (!warned.has(problem)) log.warn({}, problem);
      warned = new Set(table.problems);
      switches.look();
      seen();
    },
  });
  const closed = watching.then(async () => void (await Promise.all([server.close(), told?.close()])));
  await Promise.race([first, closed]);
  signal.throwIfAborted();
  return { port: server.port, closed };

  async function asking(of: Switches, path: string) {
    try {
      return await serveSwitches({ switches: of, opened }, path, signal);
    } catch (error) {
      await server.close();
      throw error;
    }
  }
}
