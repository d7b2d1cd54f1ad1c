import { afterAll, beforeAll, expect, test } from "vitest";
import { galleyErrorCodes } from "../../src/errors/index.js";
import { onEachDatabase } from "../support/databases.js";
import { startWorld, type World } from "./world.js";

interface Operation {
  readonly requestBody?: object;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: { readonly type?: string };
  }[];
}

/** What no route may take for what it wants; with the type that it is sent as. */
const bodies: readonly (readonly [string, string, string | undefined])[] = [
  ["nothing", "application/json", undefined],
  ["no JSON", "application/json", "{"],
  ["a list", "application/json", "[]"],
  ["a text", "application/json", '"x"'],
  ["unknown fields", "application/json", '{"__proto__":{"x":1},"constructor":1,"nonsense":true}'],
  ["wrong types", "application/json", '{"name":1,"url":[],"value":{},"pr":"x","env":7,"email":null,"v":2}'],
  ["too much", "application/json", JSON.stringify({ value: "x".repeat(3_000_000) })],
  ["another type", "application/xml", "<x/>"],
];

onEachDatabase((databases) => {
  let world: World;
  let operations: { readonly method: string; readonly path: string; readonly operation: Operation }[];
  beforeAll(async () => {
    world = await startWorld(databases);
    const document = await fetch(`${world.url}/api/v1/openapi.json`);
    const { paths } = (await document.json()) as { paths: Record<string, Record<string, Operation>> };
    operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operation,
      })),
    );
  });
  afterAll(() => world?.remove());

  const ask = async (method: string, path: string, body: string | undefined, type?: string) => {
    const answer = await fetch(`${world.url}${path.replaceAll(/\{\w+\}/g, "shop")}`, {
      method,
      headers: {
        authorization: `Bearer ${world.token}`,
        ...(type === undefined ? {} : { "content-type": type }),
      },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(30_000),
    });
    return { status: answer.status, text: await answer.text() };
  };
  const refused = (what: string, { status, text }: { status: number; text: string }) => {
    expect(status, `${what}: ${text}`).toBeGreaterThanOrEqual(400);
    expect(status, `${what}: ${text}`).toBeLessThan(500);
    const { code, message } = JSON.parse(text) as { code: string; message: string };
    expect(galleyErrorCodes, what).toContain(code);
    expect(message.length, what).toBeGreaterThan(5);
    expect(text, what).not.toMatch(/node_modules|\bat .*:\d+:\d+/);
  };

  test("every body that is not what a route wants is refused with a code, and the server goes on", async () => {
    const taking = operations.filter(({ operation }) => operation.requestBody);
    expect(taking.length).toBeGreaterThan(10);
    for (const { method, path } of taking)
      for (const [what, type, body] of bodies)
        refused(
          `${method} ${path} with ${what}`,
          await ask(method, path, body, body === undefined ? undefined : type),
        );
    expect((await fetch(`${world.url}/healthz`)).status).toBe(200);
    expect(world.logged.filter((line) => /"level":(50|60)/.test(line))).toEqual([]);
  });

  test("every parameter that is no number where one is wanted is refused with a code", async () => {
    let tried = 0;
    for (const { method, path, operation } of operations)
      for (const { name, in: place, schema } of operation.parameters ?? []) {
        if (place !== "query" || schema.type !== "integer") continue;
        tried += 1;
        for (const value of ["x", "-1", "1.5", "9".repeat(40)])
          refused(
            `${method} ${path} ${name}=${value}`,
            await ask(method, `${path}?${name}=${value}`, undefined),
          );
      }
    expect(tried).toBeGreaterThan(3);
  });
});
