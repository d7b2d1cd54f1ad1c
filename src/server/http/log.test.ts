import { DrizzleQueryError } from "drizzle-orm";
import { expect, test } from "vitest";
import { createLog } from "./log.js";

function lines(write: (log: ReturnType<typeof createLog>) => void): string {
  const written: string[] = [];
  write(createLog({ level: "trace", destination: { write: (line) => void written.push(line) } }));
  return written.join("");
}

test("what is secret by its name is taken out wherever it stands in a record", () => {
  const text = lines((log) => {
    log.info({ password: "hunter2", user: { token: "hunter2", email: "ada" } }, "a");
    log.info(
      { req: { headers: { authorization: "hunter2", cookie: "hunter2", "set-cookie": "hunter2" } } },
      "b",
    );
    log.info(
      {
        config: { masterKey: "hunter2" },
        job: { secrets: { A: "hunter2" }, project: { credential: "hunter2" } },
      },
      "c",
    );
  });
  expect(text).not.toContain("hunter2");
  expect(text).toContain('"email":"ada"');
  expect(text.match(/\[redacted\]/g)).toHaveLength(8);
});

test("an error is logged with its causes and without a query's parameters", () => {
  const cause = Object.assign(new Error("duplicate key value"), {
    code: "23505",
    constraint: "users_email_unique",
    detail: "Key (email)=(hunter2) already exists.",
    params: ["hunter2"],
  });
  const text = lines((log) => {
    log.error(
      { err: new DrizzleQueryError("insert into users values ($1)", ["hunter2", "more\nhunter2"], cause) },
      "failed",
    );
    log.error({ error: "only text" }, "failed");
  });
  expect(text).not.toContain("hunter2");
  const { err } = JSON.parse(text.split("\n")[0] ?? "");
  expect(err).toMatchObject({
    message: "Failed query: insert into users values ($1)",
    stack: expect.stringContaining("log.test.ts"),
    cause: { code: "23505", constraint: "users_email_unique", message: "duplicate key value" },
  });
});
