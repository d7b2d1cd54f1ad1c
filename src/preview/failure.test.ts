import { expect, test } from "vitest";
import { GalleyError } from "../errors/index.js";
import { endedError, listensElsewhere, startFailure } from "./failure.js";
import { parseSockets } from "./sockets.js";

const end = { exitCode: 1, outOfMemory: false, restarts: 0, command: ["serve", "--now"], memoryLimit: 0 };
const said = (more: Partial<typeof end>, log: string[] = []) =>
  endedError("service web", { ...end, ...more }, log);

test("how a container ended is said in words, with its last lines and what to do", () => {
  expect(said({ exitCode: 3, restarts: 4 }, ["no database", "giving up"]).message).toBe(
    "service web ended with exit code 3, and again after each of 4 restarts\n  no database\n  giving up",
  );
  expect(said({ exitCode: 137, outOfMemory: true, memoryLimit: 64 * 1024 * 1024 })).toMatchObject({
    code: "container_failed",
    message: "service web ran out of memory: its limit is 64 MB",
    hint: expect.stringContaining("resources.memory"),
  });
  expect(said({ exitCode: 0 }).message).toContain("exit code 0, and is meant to go on");
  expect(said({ exitCode: 127 }).message).toContain("its command was not found (serve --now)");
  expect(said({ exitCode: 126 }).message).toContain("cannot be executed (serve --now)");
  expect(said({ exitCode: 139 }).message).toContain("exit code 139 (signal 11)");
  expect(said({ exitCode: 255 }, ["exec /bin/x: exec format error"]).message).toContain(
    "not one for this machine",
  );
});

test("what the engine could not start is said in the same words", () => {
  const of = (text: string) =>
    startFailure("service web", new GalleyError("container_failed", text), ["serve"]).message;
  expect(of('exec: "serve": executable file not found in $PATH: unknown')).toMatch(
    /^service web could not be started: its command was not found \(serve\)\n/,
  );
  expect(of("exec /bin/x: exec format error")).toContain("not one for this machine");
  expect(of('exec: "/x": permission denied: unknown')).toContain("cannot be executed");
  expect(of("No command specified")).toContain("its image has no command");
  expect(of("something else")).toBe("something else");
});

test("where a service listens is read from the kernel's table and told where it is not where it should be", () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0B00007F:A001 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 00000000:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0
   3: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 100 0 0 10 0
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00
   1: 00000000000000000000000000000000:0051 00000000000000000000000000000000:0000 0A 00000000:00000000 00
`;
  const sockets = parseSockets(table);
  expect(sockets).toEqual([
    { port: 8080, loopback: true },
    { port: 3000, loopback: false },
    { port: 80, loopback: true },
    { port: 81, loopback: false },
  ]);
  expect(listensElsewhere(sockets, 8080)).toContain("127.0.0.1:8080 alone");
  expect(listensElsewhere(sockets, 3000)).toBeUndefined();
  expect(listensElsewhere(sockets, 5000)).toBe("it listens on port 80, 81, 3000, 8080 instead");
  expect(listensElsewhere([], 5000)).toBe("it listens on no port at all");
  expect(listensElsewhere(undefined, 5000)).toBeUndefined();
});
