// An engine that keeps its own firewall. The lab's engines share one network namespace and leave its firewall alone, so that their networks are
// open to each other: this one has a namespace to itself.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Docker } from "../../src/docker/index.js";
import { script } from "../lab/scripts.js";
import { docker as cli, type LabEngine, labEngines } from "../support/engines.js";
import { dockerOf } from "./engine-docker.js";

export interface IsolatedEngine {
  readonly engine: LabEngine;
  readonly docker: Docker;
  /** Of its network, below /run/netns. */
  readonly namespace: string;
  remove(): Promise<void>;
}

/** Brings up an engine of a version that the lab has, with busybox on it. */
export async function isolatedEngine(version: LabEngine["version"]): Promise<IsolatedEngine> {
  const lender = labEngines().find((one) => one.version === version);
  if (!lender) throw new Error(`this test needs engine ${version} of the lab`);
  const name = `pvnet${version}`;
  const namespace = `galley-${name}`;
  await script("-c", [
    `ip netns list | grep -qw ${namespace} || ip netns add ${namespace}
     nsenter --net=/run/netns/${namespace} ip link set lo up
     nsenter --net=/run/netns/${namespace} bash "$(dirname "$0")/engine-up.sh" ${version} --name ${name} --iptables --mark`,
  ]);
  const engine: LabEngine = {
    ...lender,
    dockerHost: lender.dockerHost.replace(/\/[^/]+\/docker\.sock$/, `/${name}/docker.sock`),
  };
  const folder = mkdtempSync(join(tmpdir(), "galley-isolated-"));
  try {
    await cli(lender, ["save", "-o", join(folder, "busybox.tar"), "busybox"]);
    await cli(engine, ["load", "-i", join(folder, "busybox.tar")]);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return {
    engine,
    docker: await dockerOf(engine),
    namespace,
    remove: async () => {
      await script("engine-down.sh", [name, "--purge"]);
      await script("-c", [`ip netns del ${namespace}`]);
    },
  };
}
