import { expect, test } from "vitest";
import { parseReference } from "../src/docker/index.js";
import { registryRef } from "./registry-ref.js";

const prefix = "registry.example.org:5000/team/cache";

test("Layers have a name in a registry that says whose they are.", () => {
  expect(registryRef(prefix, "github.com-acme-shop-0123456789ab", "pr-7", "web")).toBe(
    `${prefix}/github.com-acme-shop-0123456789ab:pr-7.web`,
  );
});

test("Whatever a service or a repository is called, its name is one that registries take, and nobody else's.", () => {
  const services = [
    "web",
    "web.",
    "we b",
    "we/b",
    "../web",
    "-web",
    "Web",
    "wéb",
    "w".repeat(300),
    "",
    "a:b",
    "a.b",
    "a--b",
  ];
  const repositories = ["repo", "repo-", "repo._x", "re..po", "r-".repeat(60)];
  const refs = repositories.flatMap((repo) =>
    ["base", "pr-2147483647"].flatMap((scope) =>
      services.map((service) => registryRef(prefix, repo, scope, service)),
    ),
  );
  for (const ref of refs) {
    const { registry, repository, tag } = parseReference(ref);
    expect([registry, repository.startsWith("team/cache/")]).toEqual(["registry.example.org:5000", true]);
    expect(tag).toMatch(/^(base|pr-2147483647)\.[\w-]{1,100}$/);
  }
  expect(new Set(refs).size).toBe(refs.length);
});
