import { expect, test } from "vitest";
import type { Service } from "../manifest/index.js";
import { checkOf, readCheck } from "./check.js";

const service = (more: Partial<Service> = {}): Service => ({
  name: "web",
  kind: "web",
  image: "x",
  expose: 80,
  env: {},
  dependsOn: [],
  ...more,
});
const about = { completed: false, routed: true, imageChecks: false, gateable: true };
const health = { path: "/up", status: 204, timeoutSeconds: 7 };
const healthCheck = { test: ["CMD", "true"], startPeriodSeconds: 30 };

test("every public service has a gate, whatever says that it is well, and time as what is asked needs it", () => {
  expect(checkOf(service(), about)).toMatchObject({ gated: true, engine: false, seconds: 60 });
  expect(checkOf(service({ health }), { ...about, imageChecks: true })).toMatchObject({
    gated: true,
    engine: false,
    http: { path: "/up", status: 204 },
    seconds: 7,
  });
  expect(checkOf(service({ healthCheck }), about)).toMatchObject({
    gated: true,
    engine: false,
    seconds: 210,
  });
  expect(checkOf(service({ healthCheck, health }), about)).toMatchObject({ gated: true, seconds: 7 });
  expect(checkOf(service(), { ...about, imageChecks: true })).toMatchObject({ gated: true, seconds: 180 });
  expect(checkOf(service({ healthCheck: "none" }), { ...about, imageChecks: true })).toMatchObject({
    gated: true,
    seconds: 60,
  });
});

test("where there is no gate the engine's own check decides", () => {
  for (const without of [
    { ...about, routed: false },
    { ...about, gateable: false },
  ])
    expect(checkOf(service({ healthCheck }), without)).toMatchObject({
      gated: false,
      engine: true,
      seconds: 210,
    });
});

test("what nobody asks from outside has no gate, nor has a machine that we know no code for", () => {
  expect(checkOf(service(), { ...about, routed: false }).gated).toBe(false);
  expect(checkOf(service(), { ...about, gateable: false }).gated).toBe(false);
});

test("what another one waits for has to end, and what is not to be started again may", () => {
  const inside = { ...about, routed: false };
  expect(checkOf(service(), { ...inside, completed: true })).toMatchObject({
    once: true,
    mayEnd: true,
    seconds: 600,
  });
  expect(checkOf(service({ restart: "no" }), inside)).toMatchObject({
    once: false,
    mayEnd: true,
    seconds: 60,
  });
  expect(checkOf(service({ restart: "on-failure" }), inside)).toMatchObject({ once: false, mayEnd: true });
  expect(checkOf(service(), inside)).toMatchObject({ once: false, mayEnd: false });
});

test("a check is read again from its label, and a broken label asks for nothing but that it runs", () => {
  const check = checkOf(service({ health, dependsOn: [{ service: "db", until: "started" }] }), about);
  expect(readCheck({ "sh.galley.check": JSON.stringify(check) })).toEqual(check);
  for (const labels of [{}, { "sh.galley.check": "{" }, { "sh.galley.check": "[1]" }])
    expect(readCheck(labels as Record<string, string>)).toMatchObject({
      needs: [],
      gated: false,
      once: false,
    });
});
