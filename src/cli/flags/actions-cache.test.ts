import { expect, test } from "vitest";
import { withActionsRuntime } from "./actions-cache.js";

const gha = (attrs: Record<string, string> = {}) => ({ type: "gha", attrs });
const runtime = {
  ACTIONS_RUNTIME_TOKEN: "t",
  ACTIONS_CACHE_URL: "https://one/",
  ACTIONS_RESULTS_URL: "https://two/",
};

test("a gha cache gets the job's token and the address of the first service", () => {
  expect(withActionsRuntime(gha({ scope: "x" }), runtime)?.attrs).toEqual({
    scope: "x",
    token: "t",
    url: "https://one/",
  });
});

test("the second service is used where the runner or the option says so", () => {
  const wanted = { token: "t", url: "https://one/", url_v2: "https://two/" };
  expect(withActionsRuntime(gha(), { ...runtime, ACTIONS_CACHE_SERVICE_V2: "True" })?.attrs).toEqual(wanted);
  expect(withActionsRuntime(gha({ version: "2" }), runtime)?.attrs).toMatchObject(wanted);
  expect(
    withActionsRuntime(gha({ version: "1" }), { ...runtime, ACTIONS_CACHE_SERVICE_V2: "1" })?.attrs,
  ).not.toHaveProperty("url_v2");
});

test("what the option says wins", () => {
  expect(withActionsRuntime(gha({ token: "mine", url: "u" }), runtime)?.attrs).toEqual({
    token: "mine",
    url: "u",
  });
});

test("outside of Actions there is no such cache, and other types are not touched", () => {
  expect(withActionsRuntime(gha({ scope: "x" }), {})).toBeUndefined();
  expect(withActionsRuntime(gha(), { ACTIONS_RUNTIME_TOKEN: "t" })).toBeUndefined();
  const local = { type: "local", attrs: { src: "d" } };
  expect(withActionsRuntime(local, runtime)).toBe(local);
});
