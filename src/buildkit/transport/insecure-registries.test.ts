import { expect, test } from "vitest";
import { insecureRegistries } from "./insecure-registries.js";

const insecure = insecureRegistries({
  RegistryConfig: {
    IndexConfigs: {
      "docker.io": { Name: "docker.io", Secure: true, Official: true },
      "registry.example:5000": { Name: "registry.example:5000", Secure: false, Mirrors: [] },
    },
    InsecureRegistryCIDRs: ["::1/128", "127.0.0.0/8", "10.9.0.0/16", "nonsense", "1.2.3.4/99", 7],
  },
});

test.each([
  ["registry.example:5000", true],
  ["Registry.Example:5000", true],
  ["registry.example", false],
  ["registry.example:5001", false],
  ["docker.io", false],
  ["10.9.3.4", true],
  ["10.9.3.4:5000", true],
  ["10.10.3.4:5000", false],
  ["[::1]:5000", true],
  ["[::2]:5000", false],
  ["1.2.3.4", false],
  ["constructor", false],
])("an engine with a list of insecure registries: %s is one: %s", (registry, expected) => {
  expect(insecure(registry)).toBe(expected);
});

test.each([
  undefined,
  null,
  "x",
  {},
  { RegistryConfig: null },
  { RegistryConfig: { IndexConfigs: { a: null } } },
])("an engine that says %j has none", (info) => {
  expect(insecureRegistries(info)("a")).toBe(false);
});
