import { join } from "node:path";
import { accountJwt, operatorJwt, systemAccountJwt } from "./claims.js";
import type { BusKeys } from "./keys.js";

export interface ServerConfigOptions {
  /** Where clients connect. */
  readonly host: string;
  readonly port: number;
  /** For the streams and the accounts' claims; each server has its own. */
  readonly directory: string;
  /** Most bytes of all streams. Default: what the nats-server thinks right, most of the free disk. */
  readonly maxStoreBytes?: number;
  /** Unique in a cluster. Default `galley`. */
  readonly name?: string;
  readonly cluster?: {
    readonly host: string;
    readonly port: number;
    /** `host:port` of every server's cluster port; its own may be among them. */
    readonly routes: readonly string[];
  };
  /** Files, PEM: clients have to speak TLS then. What the servers of a cluster say among themselves stays as it is. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** HTTP for health checks and metrics; without, there is none. */
  readonly monitor?: { readonly host: string; readonly port: number };
  /** Survive power loss, for a fraction of the speed. Needs nats-server 2.10. */
  readonly syncAlways?: boolean;
}

/**
 * The configuration file of a nats-server that takes nobody but holders of credentials issued with `keys`. Works with 2.9 and later.
 * With a cluster it contains the servers' password: write it readable by its owner alone.
 */
export async function serverConfig(keys: BusKeys, options: ServerConfigOptions): Promise<string> {
  const { host, port, directory, cluster, monitor, name = "galley" } = options;
  const text = JSON.stringify;
  const [operator, system, account] = await Promise.all([
    operatorJwt(keys),
    systemAccountJwt(keys),
    accountJwt(keys),
  ]);
  const jetStream = [`  store_dir: ${text(join(directory, "jetstream"))}`];
  if (options.maxStoreBytes !== undefined) jetStream.push(`  max_file_store: ${options.maxStoreBytes}`);
  if (options.syncAlways) jetStream.push("  sync_interval: always");
  const user = `galley:${keys.clusterPassword}`;
  return [
    `server_name: ${text(name)}`,
    `host: ${text(host)}`,
    `port: ${port}`,
    ...(monitor ? [`http: ${text(`${monitor.host}:${monitor.port}`)}`] : []),
    `operator: ${text(operator)}`,
    `system_account: ${keys.systemAccount.getPublicKey()}`,
    // Full: keeps revocations on disk, and hands them to the other servers of the cluster.
    "resolver {",
    "  type: full",
    `  dir: ${text(join(directory, "accounts"))}`,
    "  allow_delete: true",
    '  interval: "2m"',
    "  limit: 1000",
    '  timeout: "2s"',
    "}",
    // The resolver keeps what it has when that is newer.
    "resolver_preload {",
    `  ${keys.systemAccount.getPublicKey()}: ${text(system)}`,
    `  ${keys.account.getPublicKey()}: ${text(account)}`,
    "}",
    "jetstream {",
    ...jetStream,
    "}",
    ...(options.tls
      ? [
          "tls {",
          `  cert_file: ${text(options.tls.certFile)}`,
          `  key_file: ${text(options.tls.keyFile)}`,
          "  timeout: 5",
          "}",
        ]
      : []),
    ...(cluster
      ? [
          "cluster {",
          '  name: "galley"',
          `  host: ${text(cluster.host)}`,
          `  port: ${cluster.port}`,
          "  authorization {",
          "    user: galley",
          `    password: ${text(keys.clusterPassword)}`,
          "    timeout: 5",
          "  }",
          `  routes: [${cluster.routes.map((route) => text(`nats-route://${user}@${route}`)).join(", ")}]`,
          "}",
        ]
      : []),
    "",
  ].join("\n");
}
