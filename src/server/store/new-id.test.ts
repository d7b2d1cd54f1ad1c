import { expect, test } from "vitest";
import { subjects } from "../../bus/index.js";
import { newId } from "./new-id.js";

test("a new id has its prefix, is a token that the bus takes, and is not made twice", () => {
  const ids = Array.from({ length: 1000 }, () => newId("dep"));
  expect(new Set(ids).size).toBe(1000);
  for (const id of ids) expect(id).toMatch(/^dep[0-9a-z]{16}$/);
  expect(() => subjects.jobs(ids[0] ?? "")).not.toThrow();
});
