import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FailureEvidence } from "./evidence.js";
import { toBuildError } from "./to-build-error.js";

// What real engines said: 20.10.24 ("20"), 26.1.5 ("26"), 28.5.2 ("28") and 28.5.2 with the containerd store ("28c"). The
// error's text and the vertices that failed, as rawjson showed them; paths of the data root, foreign addresses and refs are
// replaced by neutral ones.
interface Recorded {
  readonly name: string;
  readonly dockerfile: string;
  readonly attrs?: Readonly<Record<string, string>>;
  readonly credentialsSentTo?: readonly string[];
  readonly texts: readonly {
    readonly engines: readonly string[];
    readonly code: string;
    readonly message: string;
    readonly vertexes: readonly { readonly name: string; readonly error: string; readonly log?: string }[];
  }[];
}

const recorded: readonly Recorded[] = JSON.parse(
  readFileSync(new URL("../../../test/failure/recorded.json", import.meta.url), "utf8"),
);

function replay(name: string, engine: string) {
  const entry = recorded.find((candidate) => candidate.name === name);
  const text = entry?.texts.find((candidate) => candidate.engines.includes(engine));
  if (entry === undefined || text === undefined) throw new Error(`nothing recorded for ${name} on ${engine}`);
  const evidence = new FailureEvidence();
  for (const [index, vertex] of text.vertexes.entries()) {
    const digest = `sha256:${index}`;
    const times = { started: "2026-01-02T03:04:05Z", completed: "2026-01-02T03:04:06Z" };
    const log = { vertex: digest, stream: 1, data: Buffer.from(vertex.log ?? ""), timestamp: times.started };
    evidence.add({
      vertexes: [{ digest, name: vertex.name, error: vertex.error, ...times }],
      statuses: [],
      logs: [log],
      warnings: [],
    });
  }
  const answer = Object.assign(new Error(`2 UNKNOWN: ${text.message}`), { code: 2, details: text.message });
  return toBuildError(answer, {
    aborted: false,
    evidence,
    ...(entry.dockerfile === "" ? {} : { dockerfile: { name: "Dockerfile", text: entry.dockerfile } }),
    ...(entry.attrs === undefined ? {} : { frontendAttrs: entry.attrs }),
    ...(entry.credentialsSentTo === undefined ? {} : { credentialsSentTo: entry.credentialsSentTo }),
  });
}

const rows = recorded.flatMap((entry) =>
  entry.texts.flatMap((text) =>
    text.engines.map((engine) => ({ name: entry.name, engine, code: text.code })),
  ),
);

describe("what an engine said gets its code", () => {
  test.each(rows)("$name on $engine is $code", ({ name, engine, code }) => {
    const error = replay(name, engine);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^\S.*[.]$/);
    expect(error.hint).toMatch(/^\S.*[.?]$/);
    expect(error.message).not.toMatch(/failed to solve|LLB|rpc error|frontend dockerfile/);
  });
});

const engines = ["20", "26", "28", "28c"];

test.each(engines)("a failing RUN says its command, exit code, lines and last output on %s", (engine) => {
  const error = replay("exit7", engine);
  expect(error.failure?.command).toBe("echo one &&   echo two &&   exit 7");
  expect(error.failure?.exitCode).toBe(7);
  expect(error.failure?.logTail).toEqual(["one", "two"]);
  expect(error.failure?.dockerfile?.excerpt.filter((line) => line.failed).map((line) => line.line)).toEqual([
    3, 4, 5,
  ]);
  expect(error.message).toContain("exit code 7 (lines 3-5)");
});

test.each(engines)("a command that is not there is named on %s", (engine) => {
  expect(replay("notfound127", engine).message).toContain("the command nosuchcommand was not found");
  expect(replay("exec127", engine).message).toContain("the command /nope was not found");
  expect(replay("perm126", engine).message).toContain("/etc/passwd may not be executed");
});

test.each(engines)("a misspelt instruction, flag and stage get the nearest one as hint on %s", (engine) => {
  expect(replay("syntax", engine).hint).toBe("Did you mean RUN?");
  expect(replay("target", engine).hint).toBe("Did you mean builder?");
  expect(replay("syntaxflag", engine).hint).toMatch(/^Did you mean (--chown|chown|chmod)\?$/);
});

test("on 20.10 a heredoc is recognised behind the instruction that its body is taken for", () => {
  expect(replay("heredoc", "20").hint).toContain("does not know heredocs");
});

test.each(engines)(
  "the user and password of a URL reach neither sentence nor step, log or daemon text on %s",
  (engine) => {
    const error = replay("argcred", engine);
    expect(JSON.stringify([error.message, error.hint, error.failure])).not.toMatch(/hunter2|bob/);
    expect(error.failure?.step).toContain("http://***@127.0.0.1:1/x");
  },
);

test.each(engines)("a file that another stage lacks is not looked for in the context on %s", (engine) => {
  expect(replay("copyfrom_path", engine).message).toContain("There is no nope in build");
  expect(replay("copymissing", engine).message).toContain("There is no nope in the build context");
});

test.each(engines)(
  "the path of a snapshot on the daemon's machine is left out of the sentence on %s",
  (engine) => {
    expect(replay("workdirfile", engine).message).toContain(
      "failed (line 2): mkdir /etc/passwd: not a directory.",
    );
  },
);
