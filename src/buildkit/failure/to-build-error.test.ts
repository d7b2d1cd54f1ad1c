import { expect, test } from "vitest";
import { BuildKitError } from "../errors.js";
import { FailureEvidence } from "./evidence.js";
import { toBuildError } from "./to-build-error.js";

function grpc(code: number, details: string): Error {
  return Object.assign(new Error(`${code} X: ${details}`), { code, details });
}

function evidenceOf(name: string, error?: string): FailureEvidence {
  const evidence = new FailureEvidence();
  const vertex = { digest: "sha256:aa", name, started: "2026-01-02T03:04:05Z" };
  const ended = error === undefined ? vertex : { ...vertex, completed: "2026-01-02T03:04:06Z", error };
  evidence.add({ vertexes: [ended], statuses: [], logs: [], warnings: [] });
  return evidence;
}

test("what the caller aborted is cancelled, whatever the daemon says of it, and names the running step", () => {
  const evidence = evidenceOf("[2/2] RUN sleep 100");
  const error = toBuildError(grpc(2, "exit code: 137"), { aborted: true, evidence });
  expect(error.code).toBe("cancelled");
  expect(error.failure?.step).toBe("[2/2] RUN sleep 100");
});

test("an abort by a deadline is a timeout", () => {
  const reason = new DOMException("The operation was aborted due to timeout", "TimeoutError");
  expect(toBuildError(grpc(1, "Cancelled on client"), { aborted: true, abortReason: reason }).code).toBe(
    "timeout",
  );
});

test("an abort with an error of our own as its reason is that error", () => {
  const reason = new BuildKitError("context_changed", "a file changed");
  expect(toBuildError(grpc(1, "Cancelled on client"), { aborted: true, abortReason: reason })).toBe(reason);
});

test("an abort with an error of our own names the step that was running", () => {
  const reason = new BuildKitError("disk_full", "the disk is nearly full", { hint: "Write less." });
  const known = { aborted: true, abortReason: reason, evidence: evidenceOf("[2/2] RUN fill") };
  expect(toBuildError(grpc(1, "Cancelled on client"), known)).toMatchObject({
    code: "disk_full",
    message: reason.message,
    hint: reason.hint,
    cause: reason,
    failure: { step: "[2/2] RUN fill" },
  });
});

test("an error of our own keeps its code and words and gains the step it struck", () => {
  const served = new BuildKitError("context_changed", "src/a.ts changed while it was read", {
    hint: "Build again.",
  });
  const evidence = evidenceOf(
    "[2/2] COPY . .",
    "rpc error: code = Unknown desc = src/a.ts changed while it was read",
  );
  const error = toBuildError(grpc(2, "src/a.ts changed while it was read"), {
    aborted: false,
    evidence,
    servedError: served,
  });
  expect(error).toMatchObject({ code: "context_changed", message: served.message, hint: served.hint });
  expect(error.failure?.step).toBe("[2/2] COPY . .");
  expect(toBuildError(served, { aborted: false })).toBe(served);
});

test("of what our services answered, the error that the daemon repeats is the failure", () => {
  const mirror = new BuildKitError(
    "registry_unreachable",
    "The registry mirror.example could not be reached.",
  );
  const login = new BuildKitError(
    "registry_wrong_password",
    "The registry r.example does not accept the stored login.",
  );
  const text = `failed to authorize: rpc error: code = Unknown desc = ${login.message}`;
  const evidence = evidenceOf("[internal] load metadata for r.example/a:1", text);
  const error = toBuildError(grpc(2, text), { aborted: false, evidence, callErrors: [mirror, login] });
  expect(error.code).toBe("registry_wrong_password");
  expect(error.failure?.step).toBe("[internal] load metadata for r.example/a:1");
  const other = grpc(2, `process "/bin/sh -c false" did not complete successfully: exit code: 1`);
  expect(toBuildError(other, { aborted: false, callErrors: [mirror, login] }).code).toBe("step_failed");
});

test("a broken channel means that the daemon went away, or that it was never there", () => {
  const evidence = evidenceOf("[2/2] RUN x");
  expect(toBuildError(grpc(14, "read ECONNRESET"), { aborted: false, evidence }).code).toBe("daemon_gone");
  expect(toBuildError(grpc(14, "Connection dropped"), { aborted: false, channelLost: true }).code).toBe(
    "daemon_gone",
  );
  const absent = grpc(14, "No connection established. Last error: connect ENOENT /var/run/docker.sock");
  const unreachable = toBuildError(absent, { aborted: false, endpoint: "unix:///var/run/docker.sock" });
  expect(unreachable.code).toBe("daemon_unreachable");
  expect(unreachable.message).toContain("unix:///var/run/docker.sock");
  const denied = grpc(14, "No connection established. Last error: connect EACCES /var/run/docker.sock");
  expect(toBuildError(denied, { aborted: false }).code).toBe("daemon_permission");
});

test("a lost session is named, unless the daemon names another cause", () => {
  const told = grpc(2, "no active session for abc: context deadline exceeded");
  expect(toBuildError(told, { aborted: false }).code).toBe("session_lost");
  expect(toBuildError(grpc(1, "context canceled"), { aborted: false, sessionLost: true }).code).toBe(
    "session_lost",
  );
  const step = grpc(2, `process "/bin/sh -c false" did not complete successfully: exit code: 1`);
  expect(toBuildError(step, { aborted: false, sessionLost: true }).code).toBe("step_failed");
});

test("a step that was killed because the build was cancelled elsewhere did not run out of memory", () => {
  const text = "executor failed running [/bin/sh -c sleep 9]: exit code: 137: context canceled";
  expect(toBuildError(grpc(2, text), { aborted: false }).code).toBe("cancelled");
});

test("out of memory is told by exit code 137, by the daemon, and by Node's own words", () => {
  const ended = (reason: string) =>
    `process "/bin/sh -c npm run build" did not complete successfully: ${reason}`;
  expect(toBuildError(grpc(2, ended("exit code: 137")), { aborted: false }).message).toContain(
    "most likely because memory ran out",
  );
  expect(toBuildError(grpc(8, ended("cannot allocate memory")), { aborted: false }).code).toBe(
    "out_of_memory",
  );
  const evidence = evidenceOf("[2/2] RUN npm run build", ended("exit code: 134"));
  const data = Buffer.from(
    "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n",
  );
  evidence.add({
    vertexes: [],
    statuses: [],
    logs: [{ vertex: "sha256:aa", stream: 2, data, timestamp: "" }],
    warnings: [],
  });
  const heap = toBuildError(grpc(2, ended("exit code: 134")), { aborted: false, evidence });
  expect(heap.code).toBe("out_of_memory");
  expect(heap.hint).toContain("max-old-space-size");
});

test("a full disk of the daemon and one inside a step have one code and different hints", () => {
  const daemon = toBuildError(grpc(2, "failed to copy: write /var/lib/x: no space left on device"), {
    aborted: false,
  });
  const step = `process "/bin/sh -c dd" did not complete successfully: exit code: 1: no space left on device`;
  expect(daemon.code).toBe("disk_full");
  expect(daemon.message).toContain("The daemon's disk is full");
  expect(toBuildError(grpc(2, step), { aborted: false }).code).toBe("disk_full");
  expect(toBuildError(grpc(2, step), { aborted: false }).hint).toContain("tmpfs");
});

test("whether the repository is there tells a missing tag from a missing repository", () => {
  const absent = grpc(
    2,
    "r.example/a/b:1: failed to resolve source metadata for r.example/a/b:1: r.example/a/b:1: not found",
  );
  expect(toBuildError(absent, { aborted: false }).message).toContain(
    "no such repository, or the repository has no such tag",
  );
  expect(toBuildError(absent, { aborted: false, repository: "present" }).code).toBe("tag_not_found");
  expect(toBuildError(absent, { aborted: false, repository: "missing" }).code).toBe("base_image_not_found");
  const said = (code: string) =>
    grpc(2, `failed to resolve source metadata for r.example/a/b:1: ${code}: not found`);
  expect(toBuildError(said("manifest unknown"), { aborted: false }).code).toBe("tag_not_found");
  expect(toBuildError(said("name unknown"), { aborted: false }).code).toBe("base_image_not_found");
});

test("Docker Hub's answer for a repository that does not exist is told from a registry that wants a login", () => {
  const text = (image: string) =>
    `${image}: failed to resolve source metadata for ${image}: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`;
  expect(toBuildError(grpc(2, text("docker.io/acme/nope:1")), { aborted: false }).code).toBe(
    "base_image_not_found",
  );
  expect(toBuildError(grpc(2, text("r.example/acme/nope:1")), { aborted: false }).code).toBe(
    "registry_login_required",
  );
  const logged = { aborted: false, credentialsSentTo: ["https://r.example"] };
  expect(toBuildError(grpc(2, text("r.example/acme/nope:1")), logged).code).toBe("base_image_not_found");
});

test("a missing file that an ignore pattern leaves out is explained by the pattern", () => {
  const missing = grpc(
    2,
    `failed to compute cache key: failed to calculate checksum of ref a::b: "/dist/app.js": not found`,
  );
  const evidence = evidenceOf("[2/2] COPY dist/app.js /", `"/dist/app.js": not found`);
  const ignored = toBuildError(missing, {
    aborted: false,
    evidence,
    ignorePatterns: ["node_modules", "dist"],
  });
  expect(ignored.code).toBe("copy_source_missing");
  expect(ignored.hint).toContain("`dist`");
  const kept = toBuildError(missing, { aborted: false, evidence, ignorePatterns: ["dist", "!dist/app.js"] });
  expect(kept.hint).not.toContain("leaves it out with");
  const near = toBuildError(missing, {
    aborted: false,
    evidence,
    ignorePatterns: [],
    contextNames: ["dist/apps.js"],
  });
  expect(near.hint).toBe("Did you mean dist/apps.js?");
});

test("the step map of gateway mode gives the lines where the error has none", () => {
  const text = "FROM busybox\nRUN a \\\n  && b\n";
  const sourceMap = {
    filename: "Dockerfile.web",
    text,
    steps: new Map([["sha256:aa", [{ start: 2, end: 3 }]]]),
  };
  const error = toBuildError(grpc(2, "executor failed running [/bin/sh -c a   && b]: exit code: 1"), {
    aborted: false,
    evidence: evidenceOf("[2/2] RUN a   && b", "executor failed running [/bin/sh -c a   && b]: exit code: 1"),
    sourceMap,
  });
  expect(error.failure?.dockerfile?.name).toBe("Dockerfile.web");
  expect(error.failure?.dockerfile?.excerpt.filter((line) => line.failed).map((line) => line.line)).toEqual([
    2, 3,
  ]);
});

test("a call that the engine does not have, and an output that it does not have, are told apart from failures", () => {
  expect(toBuildError(grpc(12, "unknown method"), { aborted: false }).code).toBe("engine_unsupported");
  const oci = toBuildError(grpc(2, 'exporter "oci" could not be found'), { aborted: false });
  expect(oci.code).toBe("engine_unsupported");
  expect(oci.hint).toContain("containerd image store");
});

test("a text that fits nothing is shown as it is, masked and bounded, with no object of the daemon's behind it", () => {
  const error = toBuildError(grpc(2, `something new at https://u:p@host/ ${"z".repeat(50_000)}`), {
    aborted: false,
  });
  expect(error.code).toBe("solve_failed");
  expect(error.message.length).toBeLessThanOrEqual(1000);
  expect(error.failure?.daemonMessage).toContain("https://***@host/");
  expect(error.cause).toBeUndefined();
});
