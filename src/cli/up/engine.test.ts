import { expect, test } from "vitest";
import { engineOf, withEngine } from "./engine.js";

test("The engine of an environment is what chose it, and nothing of another choice is left beside it.", () => {
  const there = {
    PATH: "/bin",
    DOCKER_HOST: "unix:///run/one.sock",
    DOCKER_CONFIG: "/config",
    DOCKER_CONTEXT: "",
  };
  expect(engineOf(there)).toEqual({ DOCKER_HOST: "unix:///run/one.sock", DOCKER_CONFIG: "/config" });
  expect(engineOf({ PATH: "/bin" })).toEqual({});
  const here = { PATH: "/usr/bin", DOCKER_CONTEXT: "other", DOCKER_TLS_VERIFY: "1" };
  expect(withEngine(here, engineOf(there))).toEqual({
    PATH: "/usr/bin",
    DOCKER_HOST: "unix:///run/one.sock",
    DOCKER_CONFIG: "/config",
  });
  expect(withEngine(here, {})).toEqual({ PATH: "/usr/bin" });
});
