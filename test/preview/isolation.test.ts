import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, inspectContainer } from "../../src/docker/index.js";
import { startEnvironment } from "../../src/preview/index.js";
import { script } from "../lab/scripts.js";
import { docker as cli, type LabEngine, labEngines } from "../support/engines.js";
import { dockerOf, environment, manifestOf, serve, soon } from "./engine-docker.js";

// The lab's engines share one network namespace and leave its firewall alone, so that their networks are open to each other. What keeps
// previews apart is the engine's own firewall: this engine has a namespace to itself, and keeps it.
const name = "pvnet";
const namespace = `galley-${name}`;
const lender = labEngines().find(({ version }) => version === 28);

let engine: LabEngine;
let docker: Docker;
beforeAll(async () => {
  if (!lender) throw new Error("this test needs engine 28 of the lab");
  const folder = mkdtempSync(join(tmpdir(), "galley-isolation-"));
  await script("-c", [
    `ip netns list | grep -qw ${namespace} || ip netns add ${namespace}
     nsenter --net=/run/netns/${namespace} ip link set lo up
     nsenter --net=/run/netns/${namespace} bash "$(dirname "$0")/engine-up.sh" 28 --name ${name} --iptables --mark`,
  ]);
  engine = {
    ...lender,
    dockerHost: lender.dockerHost.replace(/\/[^/]+\/docker\.sock$/, `/${name}/docker.sock`),
  };
  await cli(lender, ["save", "-o", join(folder, "busybox.tar"), "busybox"]);
  await cli(engine, ["load", "-i", join(folder, "busybox.tar")]);
  rmSync(folder, { recursive: true });
  docker = await dockerOf(engine);
});
afterAll(async () => {
  await script("engine-down.sh", [name, "--purge"]);
  await script("-c", [`ip netns del ${namespace}`]);
});

const web = (who: string) => ({ image: "busybox", command: ["sh", "-c", serve(who)], expose: 8080 });

test("a preview reaches its own services, and none of another's or of the public network, by name or by address", async () => {
  const publicNetwork = "galley-public";
  await cli(engine, ["network", "create", publicNetwork]);
  const onPublic = async (label: string, who: string) => {
    const args = [
      "run",
      "-d",
      "--network",
      publicNetwork,
      "--name",
      who,
      "--label",
      label,
      "busybox",
      "sh",
      "-c",
    ];
    return (await cli(engine, [...args, serve(who)])).trim();
  };
  const proxy = await onPublic("sh.galley.role=proxy", "proxy");
  const bus = await onPublic("a=b", "bus");
  const [a, b] = ["a", "b"].map((who) =>
    environment(engine, manifestOf({ web: web(who), [`only-${who}`]: web(`only-${who}`) })),
  );
  const started = [];
  for (const one of [a, b]) {
    const { manifest, options } = one!;
    const more = { publicNetwork, pool: undefined, routes: async () => [] };
    started.push(await startEnvironment(docker, manifest, { ...options, ...more }));
  }
  const [first, second] = started;
  expect([first?.proxied, second?.proxied]).toEqual([true, true]);
  const containerOf = (running: typeof first, service: string) =>
    running?.services.get(service)?.container ?? "";
  const addressesOf = async (id: string) => (await inspectContainer(docker, id, soon()))?.addresses ?? {};
  const fromA = (host: string) =>
    cli(engine, [
      "exec",
      containerOf(first, "web"),
      "sh",
      "-c",
      `timeout 4 wget -qO- http://${host}:8080/who 2>/dev/null || echo closed`,
    ]);

  const [networkA, networkB] = [a, b].map((one) => `galley-pv-${one?.owner.environment}`);
  const ownAddress = (await addressesOf(containerOf(first, "only-a")))[networkA ?? ""];
  for (const open of ["web", "only-a", ownAddress ?? ""])
    expect(await fromA(open), open).toMatch(open === "web" ? "a\n" : "only-a\n");

  const others = {
    "by alias": "only-b",
    "by the name of its container": `${networkB}-web-1`,
    "by the id of its container": containerOf(second, "web").slice(0, 12),
    "by address": (await addressesOf(containerOf(second, "web")))[networkB ?? ""],
    "the bus by name": "bus",
    "the bus by address": (await addressesOf(bus))[publicNetwork],
    "the proxy on the public network": (await addressesOf(proxy))[publicNetwork],
    "the proxy on the other preview's network": (await addressesOf(proxy))[networkB ?? ""],
  };
  for (const [how, host] of Object.entries(others)) {
    expect(host, how).toBeTruthy();
    expect(await fromA(host ?? ""), how).toBe("closed\n");
  }

  const throughProxy = async (id: string, network: string | undefined) =>
    await cli(engine, [
      "exec",
      proxy,
      "wget",
      "-qO-",
      `http://${(await addressesOf(id))[network ?? ""]}:8080/who`,
    ]);
  expect(await throughProxy(containerOf(first, "web"), networkA)).toBe("a\n");
  expect(await throughProxy(containerOf(second, "web"), networkB)).toBe("b\n");

  const refused = await cli(engine, [
    "exec",
    containerOf(first, "web"),
    "sh",
    "-c",
    `ip route add 10.0.0.0/8 via ${ownAddress} 2>&1; ip addr add 10.99.${randomBytes(1)[0]}.1/8 dev eth0 2>&1; true`,
  ]);
  expect(refused.match(/not permitted/g)).toHaveLength(2);
});
