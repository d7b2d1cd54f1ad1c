import { expect, test } from "vitest";
import { parseRoutes } from "./host-routes.js";
import { freeSubnets, prefixFor, subnetsOverlap } from "./subnets.js";

const all = (pool: string, prefix: number, used: readonly string[] = [], seed = 0) => [
  ...freeSubnets(pool, prefix, used, seed),
];

test("a pool is cut into subnets that do not overlap, each once, from wherever the search begins", () => {
  const whole = all("10.213.0.0/16", 28);
  expect(whole).toHaveLength(4096);
  expect(whole.slice(0, 2)).toEqual(["10.213.0.0/28", "10.213.0.16/28"]);
  expect(whole.at(-1)).toBe("10.213.255.240/28");
  const turned = all("10.213.0.0/16", 28, [], 4_000_000_123);
  expect(turned[0]).not.toBe(whole[0]);
  expect([...turned].sort()).toEqual([...whole].sort());
});

test("what overlaps a network or a route in any way is left out", () => {
  expect(all("10.0.0.0/26", 28, ["10.0.0.16/28"])).toEqual(["10.0.0.0/28", "10.0.0.32/28", "10.0.0.48/28"]);
  expect(all("10.0.0.0/26", 28, ["10.0.0.20/30", "10.0.0.63/32"])).toEqual(["10.0.0.0/28", "10.0.0.32/28"]);
  expect(all("10.0.0.0/26", 28, ["10.0.0.0/8"])).toEqual([]);
  expect(all("10.0.0.0/26", 28, ["10.0.0.5/27"])).toEqual(["10.0.0.32/28", "10.0.0.48/28"]);
  expect(all("192.168.255.192/26", 28, ["0.0.0.0/1", "fd00::/8", "nonsense", "10.0.0.0/33"])).toHaveLength(4);
});

test("a pool need not begin where it should, and the ends of the address space are no trap", () => {
  expect(all("10.0.0.77/27", 28)).toEqual(["10.0.0.64/28", "10.0.0.80/28"]);
  expect(all("255.255.255.224/27", 28)).toEqual(["255.255.255.224/28", "255.255.255.240/28"]);
  expect(all("128.0.0.0/28", 28, ["127.255.255.255/32", "128.0.0.16/28"])).toEqual(["128.0.0.0/28"]);
});

test.each(["", "10.0.0.0", "10.0.0.0/29", "10.0.0.256/16", "fd00::/8", "10.0.0.0/99", "a/16"])(
  "%j is refused as a pool",
  (pool) => {
    expect(() => all(pool, 28)).toThrow(/is no pool/);
  },
);

test("an environment with many services gets a larger subnet", () => {
  expect([1, 13, 14, 29, 30, 61].map(prefixFor)).toEqual([28, 28, 27, 27, 26, 26]);
});

test("subnets overlap when one holds an address of the other", () => {
  expect(subnetsOverlap("10.0.0.0/8", "10.213.0.0/16")).toBe(true);
  expect(subnetsOverlap("10.213.0.0/16", "10.214.0.0/16")).toBe(false);
  expect(subnetsOverlap("fd00::/8", "10.214.0.0/16")).toBe(false);
});

test("routes are read from the kernel's table, without the default ones and with broken lines passed over", () => {
  const head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
  const lines = [
    "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0",
    "br-1\t00801C0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
    "tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0",
    "tun1\t0000A8C0\t00000000\t0001\t0\t0\t0\tE0FFFFFF\t0\t0\t0",
    "nonsense",
    "",
  ];
  expect(parseRoutes([head, ...lines].join("\n"))).toEqual([
    "10.28.128.0/24",
    "10.0.0.0/8",
    "192.168.0.0/27",
  ]);
  expect(parseRoutes("")).toEqual([]);
});
