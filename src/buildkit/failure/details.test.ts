import { expect, test } from "vitest";
import { google } from "../../../proto/index.js";
import { detailsTrailer, readDetails } from "./details.js";
import { toBuildError } from "./to-build-error.js";

const dockerfile = "FROM busybox\n\nRUN echo one && \\\n  exit 7\nRUN true\n";

function status(message: string, details: readonly { type: string; value: unknown }[]): Uint8Array {
  return google.rpc.Status.encode({
    code: 2,
    message,
    details: details.map(({ type, value }) => ({
      type_url: `github.com/moby/buildkit/${type}+json`,
      value: value instanceof Uint8Array ? value : Buffer.from(JSON.stringify(value)),
    })),
  }).finish();
}

const source = {
  info: { filename: "Dockerfile", data: Buffer.from(dockerfile).toString("base64"), language: "Dockerfile" },
  ranges: [
    { start: { line: 3 }, end: { line: 3 } },
    { start: { line: 4 }, end: { line: 4 } },
  ],
};
const message = `process "/bin/sh -c echo one &&   exit 7" did not complete successfully: exit code: 7`;
const whole = status(message, [
  { type: "stack.Stack", value: { frames: [{ Name: "main.main" }] } },
  { type: "errdefs.Source", value: source },
  { type: "errdefs.Vertex", value: { digest: "sha256:aa" } },
  { type: "gatewayapi.ExitMessage", value: { Code: 7 } },
  { type: "errdefs.Frontend", value: { name: "dockerfile.v0" } },
]);

function serviceError(trailer: Uint8Array | string): Error {
  const metadata = { get: (key: string) => (key === "grpc-status-details-bin" ? [trailer] : []) };
  return Object.assign(new Error(`2 UNKNOWN: ${message}`), { code: 2, details: message, metadata });
}

test("the details give lines, step, exit code and frontend", () => {
  const details = readDetails(whole);
  expect(details).toMatchObject({ message, vertex: "sha256:aa", exitCode: 7, frontend: "dockerfile.v0" });
  expect(details?.sources[0]?.text).toBe(dockerfile);
  expect(details?.sources[0]?.ranges.map((range) => range.start.line)).toEqual([3, 4]);
});

test("the trailer of a gRPC error is found, and its lines are the excerpt", () => {
  const error = toBuildError(serviceError(whole), { aborted: false });
  expect(error.code).toBe("step_failed");
  expect(error.failure).toMatchObject({ vertex: "sha256:aa", exitCode: 7, command: "echo one &&   exit 7" });
  expect(error.failure?.dockerfile?.name).toBe("Dockerfile");
  expect(error.failure?.dockerfile?.excerpt).toEqual([
    { line: 1, text: "FROM busybox", failed: false },
    { line: 2, text: "", failed: false },
    { line: 3, text: "RUN echo one && \\", failed: true },
    { line: 4, text: "  exit 7", failed: true },
    { line: 5, text: "RUN true", failed: false },
  ]);
});

test("the status of a history record stands in for an error that was lost with the channel", () => {
  const lost = Object.assign(new Error("14 UNAVAILABLE: Connection dropped"), {
    code: 14,
    details: "Connection dropped",
  });
  expect(toBuildError(lost, { aborted: false, historyStatus: whole }).code).toBe("step_failed");
  expect(toBuildError(lost, { aborted: false }).code).toBe("daemon_gone");
});

test("of nested sources the one with the fewest lines is shown", () => {
  const outer = { ...source, ranges: [1, 2, 3, 4].map((line) => ({ start: { line }, end: { line } })) };
  const error = toBuildError(
    serviceError(
      status(message, [
        { type: "errdefs.Source", value: outer },
        { type: "errdefs.Source", value: source },
      ]),
    ),
    { aborted: false },
  );
  expect(error.failure?.dockerfile?.excerpt.filter((line) => line.failed).map((line) => line.line)).toEqual([
    3, 4,
  ]);
});

const bomb = Buffer.from("[".repeat(1_000_000));
const hostile: readonly [string, Uint8Array | string][] = [
  ["no bytes", new Uint8Array()],
  ["a string", "AAAA"],
  ["a cut status", whole.subarray(0, Math.floor(whole.length / 2))],
  ["random bytes", Uint8Array.from({ length: 4096 }, (_, index) => (index * 197 + 31) & 255)],
  ["a giant", Buffer.alloc(9 * 1024 * 1024, 0x1a)],
  ["deeply nested JSON", status("x", [{ type: "errdefs.Source", value: bomb }])],
  ["JSON that is no object", status("x", [{ type: "errdefs.Source", value: 7 }])],
  ["a null source", status("x", [{ type: "errdefs.Source", value: null }])],
  ["a source without text", status("x", [{ type: "errdefs.Source", value: { info: {}, ranges: [{}] } }])],
  [
    "base64 that is cut",
    status("x", [{ type: "errdefs.Source", value: { info: { data: "QUJ" }, ranges: {} } }]),
  ],
  [
    "ranges of no line",
    status("x", [
      {
        type: "errdefs.Source",
        value: {
          info: { data: "QUJD" },
          ranges: [{ start: { line: -1 } }, { start: { line: 1e300 } }, null, { start: { line: "4" } }],
        },
      },
    ]),
  ],
  [
    "an endless range",
    status("x", [
      {
        type: "errdefs.Source",
        value: { ...source, ranges: [{ start: { line: 1 }, end: { line: 4294967295 } }] },
      },
    ]),
  ],
  ["an exit code that is none", status("x", [{ type: "gatewayapi.ExitMessage", value: { Code: "7" } }])],
  [
    "ten thousand details",
    status(
      "x",
      Array.from({ length: 10_000 }, () => ({ type: "errdefs.Vertex", value: { digest: 1 } })),
    ),
  ],
];

test.each(hostile)(
  "a trailer of %s is survived, and what it does not say is taken from the error's text",
  (_, trailer) => {
    const error = toBuildError(serviceError(trailer), { aborted: false });
    expect(error.name).toBe("BuildKitError");
    expect(error.failure?.dockerfile?.excerpt.length ?? 0).toBeLessThanOrEqual(60);
    expect(error.message.length).toBeLessThanOrEqual(1000);
  },
);

test("what is no gRPC error has no trailer", () => {
  const throwing = {
    metadata: {
      get: () => {
        throw new TypeError("no");
      },
    },
  };
  for (const error of [
    undefined,
    null,
    7,
    "text",
    new Error("x"),
    { metadata: null },
    { metadata: { get: 1 } },
    throwing,
  ]) {
    expect(detailsTrailer(error)).toBeUndefined();
    expect(toBuildError(error, { aborted: false }).code).toBe("solve_failed");
  }
});
