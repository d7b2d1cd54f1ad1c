import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inspectContainer } from "../../src/docker/index.js";
import { applyFirewall, startEnvironment } from "../../src/preview/index.js";
import { script } from "../lab/scripts.js";
import { docker as cli, type LabEngine } from "../support/engines.js";
import { environment, manifestOf, serve, soon } from "./engine-docker.js";
import { firewallImage } from "./firewall-image.js";
import { type IsolatedEngine, isolatedEngine } from "./isolated-engine.js";

// What keeps previews apart is the engine's own firewall: each of these engines has one to itself.
const versions: readonly LabEngine["version"][] = [20, 26, 28];
const isolated = new Map<LabEngine["version"], IsolatedEngine>();
beforeAll(async () => {
  await Promise.all(versions.map(async (version) => isolated.set(version, await isolatedEngine(version))));
});
afterAll(async () => {
  await Promise.all([...isolated.values()].map((one) => one.remove()));
});
const on = (version: LabEngine["version"]) =>
  isolated.get(version) ?? expect.fail(`engine ${version} is not up`);

const web = (who: string) => ({ image: "busybox", command: ["sh", "-c", serve(who)], expose: 8080 });

test.each(versions)(
  "on engine %i a preview reaches its own services, and none of another's, of the public network or of the server's, by name or by address",
  async (version) => {
    const { engine, docker } = on(version);
    const [publicNetwork, internal] = ["galley-public", "galley-internal"];
    // A second try finds them.
    const mine = (await cli(engine, ["ps", "-aq", "--filter", "label=isolation"]))
      .split("\n")
      .filter(Boolean);
    if (mine.length > 0) await cli(engine, ["rm", "-f", ...mine]);
    for (const network of [publicNetwork, internal])
      if ((await cli(engine, ["network", "ls", "-q", "--filter", `name=^${network}$`])).trim() === "")
        await cli(engine, ["network", "create", network]);
    const standing = async (network: string, label: string, who: string) => {
      const args = [
        "run",
        "-d",
        "--network",
        network,
        "--name",
        who,
        "--label",
        label,
        "--label",
        "isolation",
      ];
      return (await cli(engine, [...args, "busybox", "sh", "-c", serve(who)])).trim();
    };
    const proxy = await standing(publicNetwork, "sh.galley.role=proxy", "proxy");
    const bus = await standing(publicNetwork, "a=b", "bus");
    const database = await standing(internal, "a=b", "postgres");
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
      "the database by name": "postgres",
      "the database by address": (await addressesOf(database))[internal],
      "the proxy on the public network": (await addressesOf(proxy))[publicNetwork],
      "the proxy on the other preview's network": (await addressesOf(proxy))[networkB ?? ""],
    };
    // Each is waited for in vain for four seconds.
    await Promise.all(
      Object.entries(others).map(async ([how, host]) => {
        expect(host, how).toBeTruthy();
        expect(await fromA(host ?? ""), how).toBe("closed\n");
      }),
    );

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

    const inside = (command: string) => cli(engine, ["exec", containerOf(first, "web"), "sh", "-c", command]);
    expect(await inside("find / -xdev -name 'docker*.sock' -o -name 'containerd.sock' 2>/dev/null")).toBe("");
    // Without an address of IPv6 nothing is reached by it. A kernel without it has no such file.
    const ipv6 = await inside("cat /proc/net/if_inet6 2>/dev/null || true");
    expect(ipv6.split("\n").filter((line) => line !== "" && !/ lo$/.test(line))).toEqual([]);
    const withIpv6 = await cli(engine, ["network", "inspect", networkA ?? "", "--format", "{{.EnableIPv6}}"]);
    expect(withIpv6).toBe("false\n");

    const refused = await cli(engine, [
      "exec",
      containerOf(first, "web"),
      "sh",
      "-c",
      `ip route add 10.0.0.0/8 via ${ownAddress} 2>&1; ip addr add 10.99.${randomBytes(1)[0]}.1/8 dev eth0 2>&1; true`,
    ]);
    expect(refused.match(/not permitted/g)).toHaveLength(2);
  },
);

test("with the firewall's rules a preview reaches nothing of its machine, no published port and no metadata, and its own all the same", async () => {
  const { engine, docker, namespace } = on(28);
  const pool = "10.213.0.0/16";
  const tag = "galley-firewall-test";
  await firewallImage(engine, tag);
  const by = { image: tag };
  const one = environment(engine, manifestOf({ web: web("web"), db: web("db") }));
  const other = environment(engine, manifestOf({ web: web("other") }));
  const started = [];
  for (const { manifest, options } of [one, other])
    started.push(await startEnvironment(docker, manifest, { ...options, pool, routes: async () => [] }));
  const [mine, theirs] = started;
  const containerOf = (running: typeof mine, service: string) =>
    running?.services.get(service)?.container ?? "";
  const network = (of: typeof one) => `galley-pv-${of.owner.environment}`;
  const addressOf = async (id: string, of: typeof one) =>
    (await inspectContainer(docker, id, soon()))?.addresses[network(of)] ?? "";

  // What a machine has: a service of its own, a container with a published port, and a cloud that answers at the usual address.
  const cloud = `${namespace}-cloud`;
  await script("-c", [
    `ip netns add ${cloud}
     ip link add gcloud0 netns ${namespace} type veth peer name gcloud1 netns ${cloud}
     nsenter --net=/run/netns/${namespace} ip addr add 192.0.2.1/24 dev gcloud0
     nsenter --net=/run/netns/${namespace} ip link set gcloud0 up
     nsenter --net=/run/netns/${cloud} ip link set lo up
     nsenter --net=/run/netns/${cloud} ip addr add 192.0.2.2/24 dev gcloud1
     nsenter --net=/run/netns/${cloud} ip addr add 169.254.169.254/32 dev lo
     nsenter --net=/run/netns/${cloud} ip link set gcloud1 up
     nsenter --net=/run/netns/${cloud} ip route add default via 192.0.2.1
     nsenter --net=/run/netns/${namespace} ip route add 169.254.169.254/32 via 192.0.2.2`,
  ]);
  const servers = [namespace, cloud].map((at) =>
    spawn("nsenter", [
      `--net=/run/netns/${at}`,
      process.execPath,
      "-e",
      `require("node:http").createServer((_, answer) => answer.end("open\\n")).listen(8080, "0.0.0.0", () => console.log("up"))`,
    ]),
  );
  try {
    for (const server of servers) await once(server.stdout, "data");
    await cli(engine, [
      "run",
      "-d",
      "--name",
      "published",
      "-p",
      "9090:8080",
      "busybox",
      "sh",
      "-c",
      serve("open"),
    ]);
    const gatewayOf = async (id: string) => {
      const format = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}";
      return (await cli(engine, ["inspect", id, "--format", format])).trim();
    };
    const gateway = await gatewayOf(containerOf(mine, "web"));
    const places = {
      "the machine's service, by the gateway": `${gateway}:8080`,
      "the machine's service, by another address": "192.0.2.1:8080",
      "a published port, by the gateway": `${gateway}:9090`,
      "a published port, by another address": "192.0.2.1:9090",
      "the metadata address": "169.254.169.254:8080",
      "the other preview": `${await addressOf(containerOf(theirs, "web"), other)}:8080`,
      "the other preview's gateway": `${await gatewayOf(containerOf(theirs, "web"))}:8080`,
    };
    const from = async (address: string) =>
      (
        await cli(engine, [
          "exec",
          containerOf(mine, "web"),
          "sh",
          "-c",
          `timeout 3 wget -qO- http://${address}/who 2>/dev/null || echo closed`,
        ])
      ).trim();
    const reached = async () => {
      const answers = await Promise.all(Object.values(places).map(from));
      return Object.keys(places).filter((_, index) => answers[index] !== "closed");
    };
    // Or the test would prove nothing.
    expect(await reached()).toEqual(Object.keys(places).filter((place) => place !== "the other preview"));

    expect(await applyFirewall(docker, { by, pool, agent: one.owner.agent, signal: soon() })).toEqual({
      applied: true,
    });
    expect(await reached()).toEqual([]);
    const rules = () =>
      script("-c", [`nsenter --net=/run/netns/${namespace} iptables -S | grep -e GALLEY -e DOCKER-USER`]);
    const before = await rules();
    expect(await applyFirewall(docker, { by, pool, agent: one.owner.agent, signal: soon() })).toEqual({
      applied: true,
    });
    expect(await rules()).toBe(before);

    // Nothing else has changed: its own services by name and address, the world, and the machine's way in.
    expect(await from("db:8080")).toBe("db");
    expect(await from(`${await addressOf(containerOf(mine, "db"), one)}:8080`)).toBe("db");
    expect(await from("192.0.2.2:8080")).toBe("open");
    const inside = await script("-c", [
      `nsenter --net=/run/netns/${namespace} ${process.execPath} -e 'fetch("http://${await addressOf(containerOf(mine, "web"), one)}:8080/who").then((a) => a.text()).then((t) => process.stdout.write(t))'`,
    ]);
    expect(inside).toBe("web\n");
    expect((await cli(engine, ["ps", "-aq", "--filter", "label=sh.galley.role=firewall"])).trim()).toBe("");

    expect(
      await applyFirewall(docker, { by: { image: "busybox" }, pool, agent: one.owner.agent, signal: soon() }),
    ).toEqual({ applied: false, why: "the image busybox has no iptables" });
  } finally {
    for (const server of servers) server.kill();
    await script("-c", [`ip netns del ${cloud}`]);
  }
});
