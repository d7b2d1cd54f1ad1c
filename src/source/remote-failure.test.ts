import { expect, test } from "vitest";
import type { Credential } from "./git-options.js";
import { remoteFailure } from "./remote-failure.js";
import { parseRemote } from "./remote-url.js";

const https = parseRemote("https://github.com/acme/shop.git", false);
const ssh = parseRemote("git@github.com:acme/shop.git", false);
const token: Credential = { kind: "token", username: "x-access-token", token: "github_pat_abc" };
const key: Credential = { kind: "ssh", privateKey: "-", knownHosts: null };

function failure(stderr: string, over: "https" | "ssh" = "https", credential: Credential | null = null) {
  const remote = over === "https" ? https : ssh;
  return remoteFailure({ remote, credential, doing: "fetching refs/pull/7/head", stderr, code: 128 });
}

// What git 2.39 and OpenSSH 9.2 print, and what GitHub and GitLab answer.
test.each<[string, string, "https" | "ssh"]>([
  [
    "'ssh' -F '/dev/shm/galley-ssh-1.2.3/config': 1: ssh: not found\nfatal: Could not read from remote repository.",
    "git_missing",
    "ssh",
  ],
  [
    "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
    "git_auth_failed",
    "https",
  ],
  [
    "remote: Invalid username or token. Password authentication is not supported.\nfatal: Authentication failed for 'https://github.com/acme/shop.git/'",
    "git_auth_failed",
    "https",
  ],
  [
    "remote: Write access to repository not granted.\nfatal: unable to access 'https://github.com/acme/shop.git/': The requested URL returned error: 403",
    "git_auth_failed",
    "https",
  ],
  [
    "remote: Repository not found.\nfatal: repository 'https://github.com/acme/shop.git/' not found",
    "git_repository_not_found",
    "https",
  ],
  [
    "fatal: unable to access 'https://github.com/acme/shop.git/': Could not resolve host: github.com",
    "git_host_unknown",
    "https",
  ],
  [
    "fatal: unable to access 'https://github.com/acme/shop.git/': Failed to connect to github.com port 443 after 0 ms: Couldn't connect to server",
    "git_unreachable",
    "https",
  ],
  [
    "fatal: unable to access 'https://github.com/acme/shop.git/': Operation too slow. Less than 1 bytes/sec transferred the last 120 seconds",
    "git_timeout",
    "https",
  ],
  [
    "fatal: unable to access 'https://github.com/acme/shop.git/': server certificate verification failed. CAfile: none CRLfile: none",
    "git_unreachable",
    "https",
  ],
  [
    "fatal: unable to access 'https://github.com/acme/shop.git/': The requested URL returned error: 503",
    "git_unreachable",
    "https",
  ],
  [
    "error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output",
    "git_unreachable",
    "https",
  ],
  [
    "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.",
    "git_auth_failed",
    "ssh",
  ],
  [
    "No ED25519 host key is known for github.com and you have requested strict checking.\nHost key verification failed.\nfatal: Could not read from remote repository.",
    "git_host_key_unknown",
    "ssh",
  ],
  [
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.",
    "git_host_key_unknown",
    "ssh",
  ],
  [
    "ssh: Could not resolve hostname github.com: Name or service not known\nfatal: Could not read from remote repository.",
    "git_host_unknown",
    "ssh",
  ],
  [
    "ssh: connect to host github.com port 22: Connection refused\nfatal: Could not read from remote repository.",
    "git_unreachable",
    "ssh",
  ],
  [
    "ssh: connect to host github.com port 22: Connection timed out\nfatal: Could not read from remote repository.",
    "git_unreachable",
    "ssh",
  ],
  [
    "ERROR: Repository not found.\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.",
    "git_repository_not_found",
    "ssh",
  ],
  [
    "fatal: '/srv/x.git' does not appear to be a git repository\nfatal: Could not read from remote repository.",
    "git_repository_not_found",
    "ssh",
  ],
  [
    "remote: The project you were looking for could not be found or you don't have permission to view it.",
    "git_repository_not_found",
    "https",
  ],
  ["fatal: couldn't find remote ref refs/pull/7/head", "git_ref_not_found", "https"],
  [`fatal: remote error: upload-pack: not our ref ${"a".repeat(40)}`, "git_ref_not_found", "https"],
  ["fatal: write error: No space left on device", "git_failed", "https"],
  ["something else", "git_failed", "https"],
])("%j is %s", (stderr, code, over) => {
  const { error } = failure(stderr, over, over === "ssh" ? key : token);
  expect(error.code).toBe(code);
  expect(error.message).toMatch(/acme\/shop|data directory/);
});

test.each([
  ["error: refs/heads/main does not point to a valid object!\nfatal: bad object refs/heads/main", "damaged"],
  ["error: object file objects/ab/cd is empty\nfatal: loose object abcd is corrupt", "damaged"],
  ["fatal: not a git repository: '/data/repos/x.git'", "damaged"],
  ["error: Server does not allow request for unadvertised object abc", "unadvertised"],
  ["fatal: mismatched algorithms: client sha1; server sha256", "object-format"],
  [
    "error: cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create 'refs/heads/a/b'",
    "refs-in-the-way",
  ],
  ["fatal: Unable to create '/x/packed-refs.lock': File exists.", "refs-in-the-way"],
])("%j is %s", (stderr, kind) => {
  expect(failure(stderr).kind).toBe(kind);
});

test("hints name the permission that the forge wants to see", () => {
  const denied = "fatal: Authentication failed for 'https://github.com/acme/shop.git/'";
  expect(failure(denied, "https", token).error.hint).toContain('"Contents: read"');
  expect(failure("Permission denied (publickey).", "ssh", key).error.hint).toContain(
    "deploy key with read access",
  );
  const gitlab = parseRemote("https://gitlab.example.test/a/b.git", false);
  const at = remoteFailure({ remote: gitlab, credential: token, doing: "x", stderr: denied, code: 128 });
  expect(at.error.hint).toContain('"read_repository"');
});

test("a token that a server repeats, a password in an address and a terminal's codes are taken out of messages", () => {
  const pair = Buffer.from("x-access-token:github_pat_abc").toString("base64");
  const said = `fatal: odd github_pat_abc ${pair} https://u:hunter2@h/x \u001b[31mred\u001b[0m\u0007`;
  const { message } = failure(said, "https", token).error;
  expect(message).toContain("fatal: odd *** *** https://h/x red");
});
