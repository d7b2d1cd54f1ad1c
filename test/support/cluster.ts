// Three real nats-servers that are one bus.
import { setTimeout as delay } from "node:timers/promises";
import { type BusKeys, serverConfig } from "../../src/bus/index.js";
import { freePorts, type NatsServer, type NatsVersion, startNats } from "./nats.js";

export interface TestCluster {
  readonly nodes: readonly NatsServer[];
  /** Where clients connect, known before anything listens there. */
  readonly urls: readonly string[];
  remove(): Promise<void>;
}

/**
 * Votes are repeated after 4 to 9 s when nobody wins them, which on a machine that starves the servers may happen many times: the wait is
 * for the election itself, and its end is far away.
 */
const electionMs = 240_000;

/** What a node says once it knows who leads the cluster's JetStream, unless it came when that was settled: 2.9 says nothing then. */
const elected = /(Self is new JetStream cluster metadata leader|JetStream cluster new metadata leader)/;

/**
 * Starts the nodes, `n0` to `n2`, and resolves when one of them knows a leader. Rejects with what they logged when there is none.
 * @param early is told the addresses, and waited for, before the first node is started
 */
export async function startCluster(
  keys: BusKeys,
  version: NatsVersion,
  early: (urls: readonly string[]) => Promise<void> = async () => {},
): Promise<TestCluster> {
  // All at once: asked for one after the other, a node's client port could be another one's cluster port.
  const ports = await freePorts(6);
  const clusterPorts = ports.slice(3);
  const routes = clusterPorts.map((port) => `127.0.0.1:${port}`);
  const urls = ports.slice(0, 3).map((port) => `nats://127.0.0.1:${port}`);
  await early(urls);
  const started = await Promise.allSettled(
    clusterPorts.map((clusterPort, index) =>
      startNats({
        version,
        port: ports[index]!,
        config: ({ port, directory }) =>
          serverConfig(keys, {
            host: "127.0.0.1",
            port,
            directory,
            name: `n${index}`,
            cluster: { host: "127.0.0.1", port: clusterPort, routes },
          }),
      }),
    ),
  );
  const nodes = started.flatMap((node) => (node.status === "fulfilled" ? [node.value] : []));
  const remove = async () => void (await Promise.all(nodes.map((node) => node.remove())));
  const failed = started.find((node) => node.status === "rejected");
  if (failed) {
    await remove();
    throw failed.reason;
  }
  const deadline = Date.now() + electionMs;
  while (!nodes.some((node) => elected.test(node.log()))) {
    if (Date.now() > deadline) {
      const logs = logsOf(nodes);
      await remove();
      throw new Error(`The cluster has elected no leader in ${electionMs / 1000} s.\n${logs}`);
    }
    await delay(100);
  }
  return { nodes, urls, remove };
}

/** The end of what each node has logged, for the message of a failure. */
export const logsOf = (nodes: readonly NatsServer[]): string =>
  nodes.map((node, index) => `n${index}:\n${node.log().split("\n").slice(-40).join("\n")}`).join("\n");
