import { expect, test } from "vitest";
import { csvFields } from "./csv.js";
import { parseSecrets, parseSsh } from "./secrets.js";
import {
  parseBuildArgs,
  parseBytes,
  parseHosts,
  parseLabels,
  parseNetwork,
  parsePlatforms,
  parseUlimits,
} from "./values.js";

test("a build argument without a value takes the environment's, and is left out when it has none", () => {
  expect(parseBuildArgs(["A=1=2", "B", "C", "D="], { B: "b" })).toEqual({ A: "1=2", B: "b", D: "" });
  expect(() => parseBuildArgs(["=x"], {})).toThrow("the name is missing");
});

test("labels keep everything after the first equals sign", () => {
  expect(parseLabels(["a=b=c", "d"])).toEqual({ a: "b=c", d: "" });
});

test.each([
  ["64m", 67108864],
  ["1.5g", 1610612736],
  ["128", 128],
  ["2KiB", 2048],
  ["3 mb", 3145728],
])("the size %s is %d bytes", (text, bytes) => {
  expect(parseBytes(text, "--shm-size")).toBe(bytes);
});

test.each(["", "m", "-1", "1x", "1e9"])("%j is not a size", (text) => {
  expect(() => parseBytes(text, "--shm-size")).toThrow("--shm-size");
});

test("ulimits have a soft and a hard limit, one number stands for both", () => {
  expect(parseUlimits(["nofile=10", "core=0:-1", "memlock=-1"])).toEqual([
    { name: "nofile", soft: 10, hard: 10 },
    { name: "core", soft: 0, hard: -1 },
    { name: "memlock", soft: -1, hard: -1 },
  ]);
  expect(() => parseUlimits(["nofile=20:10"])).toThrow("above the hard one");
  expect(() => parseUlimits(["nofile"])).toThrow("not a limit");
});

test("hosts are name and address, in either notation, IPv6 with or without brackets", () => {
  expect(parseHosts(["db:10.0.0.1", "c=10.0.0.2,d:[::1]", "e=::1", "f:host-gateway"])).toEqual([
    "db=10.0.0.1",
    "c=10.0.0.2",
    "d=::1",
    "e=::1",
    "f=host-gateway",
  ]);
  expect(() => parseHosts(["db:nowhere"])).toThrow("not a host");
});

test("platforms are split at commas and normalised", () => {
  expect(parsePlatforms(["linux/amd64,linux/arm64/v8", "aarch64", "linux/x86_64", "linux/arm/v7"])).toEqual([
    "linux/amd64",
    "linux/arm64",
    "linux/arm64",
    "linux/amd64",
    "linux/arm/v7",
  ]);
  expect(() => parsePlatforms(["linux amd64"])).toThrow("not a platform");
});

test("only the three networks that BuildKit has are accepted", () => {
  expect(parseNetwork("none")).toBe("none");
  expect(() => parseNetwork("bridge")).toThrow("default, none and host");
});

test("a quoted field may hold commas and quotes", () => {
  expect(csvFields('type=local,"dest=a,b ""c"""', "-o")).toEqual(["type=local", 'dest=a,b "c"']);
  expect(csvFields("a,,b,", "-o")).toEqual(["a", "", "b", ""]);
  expect(() => csvFields('"a', "-o")).toThrow("not closed");
});

test("a secret names a file or a variable, and an id alone prefers the variable", () => {
  expect(
    parseSecrets(["id=a,src=./x", "id=b,env=B", "id=C", "id=D", "type=env,id=e,src=E", "type=file,id=C2"], {
      C: "1",
      C2: "1",
    }),
  ).toEqual({
    a: { kind: "file", path: "./x" },
    b: { kind: "env", name: "B" },
    C: { kind: "env", name: "C" },
    D: { kind: "file", path: "D" },
    e: { kind: "env", name: "E" },
    C2: { kind: "file", path: "C2" },
  });
});

test("a secret's value given in the flag is refused without being repeated", () => {
  expect(() => parseSecrets(["id=a,value=hunter2"], {})).toThrow(/^(?!.*hunter2).*unexpected field "value"/);
  expect(() => parseSecrets(["env=A"], {})).toThrow("id is missing");
});

test("ssh takes the running agent, a socket, or keys", () => {
  const isSocket = (path: string) => path.endsWith(".sock");
  expect(
    parseSsh(["default", "b=/run/b.sock", "c=/k1,/k2"], { SSH_AUTH_SOCK: "/run/a.sock" }, isSocket),
  ).toEqual({
    default: { socket: "/run/a.sock" },
    b: { socket: "/run/b.sock" },
    c: { keys: ["/k1", "/k2"] },
  });
  expect(() => parseSsh(["default"], {}, isSocket)).toThrow("SSH_AUTH_SOCK is not set");
});
