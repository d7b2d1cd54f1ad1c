import { expect, test } from "vitest";
import { frontendAttrs } from "./frontend-attrs.js";
import { emptyRequest } from "./request-defaults.js";

const base = emptyRequest({ kind: "empty" });

test("an empty request asks for local images first and nothing else", () => {
  expect(frontendAttrs(base)).toEqual({ "image-resolve-mode": "local" });
});

test("every option lands under the name that BuildKit knows", () => {
  expect(
    frontendAttrs({
      ...base,
      buildArgs: { A: "1", B: "" },
      labels: { "org.example": "x" },
      target: "web",
      platforms: ["linux/amd64", "linux/arm64"],
      noCache: ["deps", "web"],
      pull: true,
      addHosts: ["db=10.0.0.1", "cache=10.0.0.2"],
      network: "none",
      shmSize: 67108864,
      ulimits: [{ name: "nofile", soft: 1024, hard: 2048 }],
      attestations: { provenance: "mode=max", sbom: null },
      call: "check",
    }),
  ).toEqual({
    "image-resolve-mode": "pull",
    "build-arg:A": "1",
    "build-arg:B": "",
    "label:org.example": "x",
    target: "web",
    platform: "linux/amd64,linux/arm64",
    "no-cache": "deps,web",
    "add-hosts": "db=10.0.0.1,cache=10.0.0.2",
    "force-network-mode": "none",
    "shm-size": "67108864",
    ulimit: "nofile=1024:2048",
    "attest:provenance": "mode=max",
    requestid: "frontend.lint",
  });
});

test("no cache at all is an empty value, which BuildKit reads as every stage", () => {
  expect(frontendAttrs({ ...base, noCache: true })["no-cache"]).toBe("");
});

test("a repository key isolates the cache mounts unless the caller chose a namespace", () => {
  expect(frontendAttrs({ ...base, repoKey: "shop" })["build-arg:BUILDKIT_CACHE_MOUNT_NS"]).toBe("shop");
  expect(
    frontendAttrs({ ...base, repoKey: "shop", buildArgs: { BUILDKIT_CACHE_MOUNT_NS: "own" } })[
      "build-arg:BUILDKIT_CACHE_MOUNT_NS"
    ],
  ).toBe("own");
});
