import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { createAddressGuard, isOwnAddress } from "./address-guard.js";
import { parseProgress } from "./fetch-progress.js";
import { forgeKeys, forgeKnownHosts } from "./known-hosts.js";
import { parsePointer } from "./lfs-pointer.js";
import { killGroup, processSpace, startOf } from "./process-life.js";

test("the keys of the forges have the fingerprints that the forges publish", () => {
  const fingerprints = Object.fromEntries(
    Object.entries(forgeKeys).map(([host, key]) => [
      host,
      createHash("sha256").update(Buffer.from(key, "base64")).digest("base64").replace(/=+$/, ""),
    ]),
  );
  expect(fingerprints).toEqual({
    "github.com": "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
    "gitlab.com": "eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
    "bitbucket.org": "ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
    "codeberg.org": "mIlxA9k46MmM6qdJOdMnAQpzGxF4WIVVL+fj+wZbw0g",
  });
  expect(forgeKnownHosts().split("\n")[0]).toMatch(/^github\.com ssh-ed25519 AAAA/);
});

test.each([
  [
    "Receiving objects:  45% (9/20), 1.50 MiB | 3.00 MiB/s",
    { phase: "receiving", done: 9, total: 20, bytes: 1_572_864 },
  ],
  [
    "Receiving objects: 100% (6/6), 419 bytes | 419.00 KiB/s, done.",
    { phase: "receiving", done: 6, total: 6, bytes: 419 },
  ],
  ["Resolving deltas:  50% (1/2)", { phase: "resolving", done: 1, total: 2, bytes: undefined }],
  ["remote: Counting objects:  10% (1/10)", { phase: "preparing", done: 1, total: 10, bytes: undefined }],
  ["remote: Enumerating objects: 6, done.", { phase: "preparing", done: 6, total: 0, bytes: undefined }],
])("%j is progress", (line, progress) => {
  expect(parseProgress(line)).toEqual(progress);
});

test.each(["", "fatal: x", "remote: hello", "Counting sheep:  10% (1/10)", "From https://h/x"])(
  "%j is no progress",
  (line) => {
    expect(parseProgress(line)).toBeUndefined();
  },
);

test("addresses of the machine itself and of its cloud's metadata are told from others", () => {
  for (const address of [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "169.254.169.254",
    "::1",
    "::",
    "fe80::1",
    "::ffff:127.0.0.1",
    "fd00:ec2::254",
  ]) {
    expect(isOwnAddress(address), address).toBe(true);
  }
  for (const address of ["10.0.0.1", "192.168.1.1", "140.82.121.4", "2606:50c0::1", "::ffff:10.0.0.1"]) {
    expect(isOwnAddress(address), address).toBe(false);
  }
});

test("a repository elsewhere may not name services of this machine; one of this machine may", async () => {
  const away = await createAddressGuard("192.0.2.1");
  expect(await away.allows("localhost")).toBe(false);
  expect(await away.allows("169.254.169.254")).toBe(false);
  expect(await away.allows("192.0.2.7")).toBe(true);
  expect(await away.allows("192.0.2.1")).toBe(true);
  const resolved = (host: string, guard = away) =>
    new Promise((resolve) => guard.lookup(host, {}, (error, address) => resolve(error?.code ?? address)));
  expect(await resolved("localhost")).toBe("EACCES");
  const here = await createAddressGuard("localhost");
  expect(await here.allows("127.0.0.1")).toBe(true);
  expect(["127.0.0.1", "::1"]).toContain(await resolved("localhost", here));
});

const pointer = (oid: string, size: string) =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${size}\n`;
const oid = "a".repeat(64);

test("pointers of LFS are read as their specification has them", () => {
  expect(parsePointer(Buffer.from(pointer(oid, "12")))).toEqual({ oid, size: 12 });
  expect(parsePointer(Buffer.from(pointer(oid, "12").replaceAll("\n", "\r\n")))).toEqual({ oid, size: 12 });
  for (const text of [
    "",
    "content",
    pointer("short", "1"),
    pointer(oid, "-1"),
    pointer(oid, "1e9"),
    pointer(oid, "1").replace("spec/v1", "spec/v9"),
    pointer(oid, "1").replace("oid", "ext-0-case sha256:x\noid"),
    `x\n${pointer(oid, "1")}`,
    pointer(oid, "1") + " ".repeat(2000),
  ]) {
    expect(parsePointer(Buffer.from(text)), text).toBeUndefined();
  }
});

test("a process is known by its id and its start, and only that very one is killed", () => {
  expect(startOf(process.pid)).toMatch(/^\d+$/);
  expect(startOf(4_194_303)).toBeUndefined();
  expect(processSpace()).toMatch(/^[0-9a-f]+$/);
  expect(processSpace()).toBe(processSpace());
  // Would end this test run.
  killGroup(process.pid, "1");
  killGroup(1, startOf(1) ?? "");
});
