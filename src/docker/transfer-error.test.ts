import { expect, test } from "vitest";
import { transferError } from "./transfer-error.js";

const never = new AbortController().signal;
const refused = (text: string) => Object.assign(new TypeError(text), { statusCode: 500 });
const codeOf = (direction: "pull" | "push", withLogin: boolean, text: string) =>
  transferError({ direction, name: "r.example/a/b:1", withLogin }, refused(text), never);

/** As engines 20.10, 26 and 28 in both stores said it. */
const words = {
  nothingShown: [
    "no basic auth credentials",
    'Head "http://r.example/v2/a/b/manifests/1": no basic auth credentials',
    "push access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials",
  ],
  wrong: [
    "unauthorized: authentication required",
    "(HTTP code 401) unexpected - unauthorized: authentication required ",
    "unknown: unexpected status from HEAD request to http://r.example/v2/a/b/manifests/1: 401 Unauthorized",
  ],
  denied: [
    "denied: requested access to the resource is denied",
    "(HTTP code 403) unexpected - denied ",
    "unknown: unexpected status from HEAD request to http://r.example/v2/a/b/blobs/sha256:1: 403 Forbidden",
    "push access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
  ],
};

test.each([...words.nothingShown, ...words.wrong, ...words.denied])(
  "without a login, one is required: %s",
  (text) => {
    for (const direction of ["pull", "push"] as const) {
      expect(codeOf(direction, false, text)).toMatchObject({
        code: "image_login_required",
        hint: expect.stringContaining("docker login r.example"),
      });
    }
  },
);

test.each([
  "no matching manifest for linux/amd64 in the manifest list entries",
  'failed to resolve reference "r.example/a/b:1": no match for platform in manifest sha256:1: not found',
])("an image for other machines is not one that is missing: %s", (text) => {
  expect(codeOf("pull", false, text)).toMatchObject({ code: "image_platform_unsupported" });
});

test.each(words.wrong)("a login that is not known is refused: %s", (text) => {
  expect(codeOf("push", true, text)).toMatchObject({ code: "image_login_refused" });
});

test.each(words.denied)("a login without access is denied, reading and writing apart: %s", (text) => {
  expect(codeOf("pull", true, text)).toMatchObject({ code: "image_pull_denied" });
  expect(codeOf("push", true, text)).toMatchObject({
    code: "image_push_denied",
    message: expect.stringContaining("may not write to a/b"),
  });
});

test.each([
  [
    'Get "http://r.example/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    "image_registry_unreachable",
  ],
  [
    'failed to resolve reference "r.example/a/b:1": failed to do request: Head "https://r.example/v2/a/b/manifests/1": dial tcp: lookup r.example: no such host',
    "image_registry_unreachable",
  ],
  [
    'Get "https://r.example/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)',
    "image_registry_unreachable",
  ],
  ['Get "https://r.example/v2/": x509: certificate signed by unknown authority', "image_registry_untrusted"],
  [
    'Get "https://r.example/v2/": http: server gave HTTP response to HTTPS client',
    "image_registry_untrusted",
  ],
  ["toomanyrequests: You have reached your pull rate limit.", "image_rate_limited"],
  [
    "unexpected status from HEAD request to https://r.example/v2/a/b/manifests/1: 429 Too Many Requests",
    "image_rate_limited",
  ],
])("a registry that cannot be talked to is told from one that refuses: %s", (text, code) => {
  expect(codeOf("pull", false, text)).toMatchObject({
    code,
    hint: expect.stringMatching(/\S/),
    message: expect.stringContaining("r.example"),
  });
});

test("what is neither stays what it is", () => {
  expect(codeOf("pull", true, "manifest unknown")).toMatchObject({ code: "image_not_found" });
  expect(codeOf("pull", true, "no space left on device")).toMatchObject({ code: "engine_error" });
});

test("the words of the engine come without those of the client library", () => {
  const { message } = codeOf("pull", true, "(HTTP code 500) server error - no space left on device ");
  expect(message).toBe("image r.example/a/b:1 could not be pulled: no space left on device");
});
