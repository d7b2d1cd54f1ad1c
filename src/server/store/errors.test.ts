import { DrizzleQueryError } from "drizzle-orm";
import { expect, test } from "vitest";
import { databaseUnreachable, isDatabaseAway, isUniqueViolation } from "./errors.js";

const query = (cause: Error) => new DrizzleQueryError("select $1", ["hunter2"], cause);
const coded = (message: string, fields: object) => Object.assign(new Error(message), fields);

test("a database that is away is told from one that refuses", () => {
  for (const away of [
    coded("connect ECONNREFUSED 127.0.0.1:5432", { code: "ECONNREFUSED", syscall: "connect" }),
    coded("getaddrinfo ENOTFOUND db", { code: "ENOTFOUND", syscall: "getaddrinfo" }),
    coded("terminating connection due to administrator command", { code: "57P01" }),
    coded("the database system is starting up", { code: "57P03" }),
    coded("sorry, too many clients already", { code: "53300" }),
    new Error("Connection terminated unexpectedly"),
    new Error("timeout exceeded when trying to connect"),
  ]) {
    expect(isDatabaseAway(away), away.message).toBe(true);
    expect(isDatabaseAway(query(away)), away.message).toBe(true);
  }
  for (const other of [
    coded("password authentication failed", { code: "28P01" }),
    coded("relation does not exist", { code: "42P01" }),
    coded("no such file", { code: "ENOENT", syscall: "open" }),
    new Error("Connection is what this says, and not about one"),
    undefined,
    "text",
  ])
    expect(isDatabaseAway(other)).toBe(false);
});

test("what is told of it are the database's own words, and not the query's parameters", () => {
  expect(databaseUnreachable(query(new Error("timeout exceeded when trying to connect"))).message).toBe(
    "The database does not answer: timeout exceeded when trying to connect.",
  );
  expect(databaseUnreachable(query(coded("", { code: "ECONNREFUSED", syscall: "connect" }))).message).toBe(
    "The database does not answer: ECONNREFUSED.",
  );
});

test("a second row with the same value is told by the name of the constraint", () => {
  const error = query(coded("duplicate key value", { code: "23505", constraint: "users_email_unique" }));
  expect(isUniqueViolation(error)).toBe(true);
  expect(isUniqueViolation(error, "users_email_unique")).toBe(true);
  expect(isUniqueViolation(error, "projects_name_unique")).toBe(false);
  expect(isUniqueViolation(query(coded("x", { code: "23503" })))).toBe(false);
});
