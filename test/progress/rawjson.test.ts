import { expect, onTestFinished, test } from "vitest";
import { encodeRawJson } from "../../src/buildkit/index.js";
import { onEachEngine } from "../support/engines.js";
import { buildx, createContext, ours, rawObjects } from "./buildx.js";

const dockerfile = `FROM busybox AS base
ARG SALT
WORKDIR /app
COPY package.json ./
RUN echo "salt $SALT"; echo "and <html> & more"; echo problem >&2

FROM base AS one
RUN printf 'half '; sleep 0.3; echo line

FROM busybox as Two
MAINTAINER someone
COPY --from=base /app/package.json /
COPY --from=one /app /app
`;

type Item = Record<string, unknown>;

/** What must be equal about an object: its fields in their order, and what kind of value each holds. */
function shape(value: unknown): unknown {
  if (typeof value === "string") {
    if (/^sha256:[0-9a-f]{64}$/.test(value)) return "digest";
    if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z$/.test(value)) return "time";
    return "text";
  }
  if (Array.isArray(value)) return [...new Set(value.map((item) => JSON.stringify(shape(item))))];
  if (typeof value !== "object" || value === null) return typeof value;
  return (
    Object.entries(value)
      // Left out on purpose: the LLB that loaded the Dockerfile, with the id of the session in it.
      .filter(([key]) => key !== "definition")
      .map(([key, item]) => [key, shape(item)])
  );
}

// One vertex for all the stages that begin with it: which stage it is named after, and whether it counts as cached, differs
// from build to build with buildx as well.
const isBase = ({ name }: Item) => String(name).includes(" FROM ");

/**
 * By what an object is about, every shape in which it occurs. When which of them is sent is a matter of timing, and so is
 * how often; what is known at the end is not.
 */
function shapes(messages: readonly Record<string, Item[]>[]): Record<string, string> {
  const last: Record<string, string> = {};
  const text = (value: unknown) => String(value ?? "").replace(/sha256:[0-9a-f]+/g, "…");
  for (const message of messages) {
    for (const item of message.vertexes ?? []) {
      const { error, ...rest } = item;
      if (rest.completed && !isBase(item))
        last[`vertex ${text(item.name)}`] = JSON.stringify([shape(rest), error !== undefined]);
    }
    for (const item of message.statuses ?? []) {
      if (item.completed) last[`status ${text(item.id).replace(/ to .*/, "")}`] = JSON.stringify(shape(item));
    }
    for (const item of message.logs ?? []) last[`log ${item.stream}`] = JSON.stringify(shape(item));
    for (const item of message.warnings ?? []) last[`warning ${item.short}`] = JSON.stringify(shape(item));
  }
  return last;
}

onEachEngine((engine) => {
  test("our rawjson of a build has the same objects, fields and forms as that of buildx", async () => {
    const context = await createContext({ Dockerfile: dockerfile, "package.json": "{}" });
    onTestFinished(context.remove);
    const salt = `${Date.now()}`;
    // An engine's first build with an image also tells of resolving and unpacking it: that is not to be the difference.
    await buildx(engine, "rawjson", ["--build-arg", "SALT=first", context.path]);
    const theirs = rawObjects(
      await buildx(engine, "rawjson", ["--no-cache", "--build-arg", `SALT=${salt}`, context.path]),
    );
    const messages = await ours(engine, context.path, { "build-arg:SALT": salt, "no-cache": "" });
    const own = messages.map((status) => JSON.parse(encodeRawJson(status)) as Record<string, Item[]>);
    expect(Object.keys(shapes(theirs)).length).toBeGreaterThan(10);
    expect(shapes(own)).toEqual(shapes(theirs));
  });

  test("the steps of a cached build are marked alike", async () => {
    const context = await createContext({ Dockerfile: dockerfile, "package.json": "{}" });
    onTestFinished(context.remove);
    const arg = `SALT=${Date.now()}`;
    await buildx(engine, "rawjson", ["--build-arg", arg, context.path]);
    const theirs = rawObjects(await buildx(engine, "rawjson", ["--build-arg", arg, context.path]));
    const messages = await ours(engine, context.path, { "build-arg:SALT": arg.slice(5) });
    const own = messages.map((status) => JSON.parse(encodeRawJson(status)) as Record<string, Item[]>);
    const cached = (all: typeof own) =>
      new Set(
        all.flatMap(({ vertexes = [] }) =>
          vertexes.filter((item) => item.cached && !isBase(item)).map(({ name }) => name),
        ),
      );
    expect(cached(theirs).size).toBeGreaterThan(3);
    expect(cached(own)).toEqual(cached(theirs));
  });

  test("a build that fails has the same errors", async () => {
    const context = await createContext({ Dockerfile: "FROM busybox\nRUN echo said; exit 7\nRUN never\n" });
    onTestFinished(context.remove);
    const errors = (all: readonly Record<string, Item[]>[]) =>
      new Map(
        all.flatMap(({ vertexes = [] }) =>
          vertexes.flatMap(({ name, error }) => (error ? [[name, error]] : [])),
        ),
      );
    const theirs = errors(rawObjects(await buildx(engine, "rawjson", ["--no-cache", context.path])));
    const own = errors(
      (await ours(engine, context.path, { "no-cache": "" })).map((status) =>
        JSON.parse(encodeRawJson(status)),
      ),
    );
    expect(theirs.size).toBe(1);
    expect(own).toEqual(theirs);
  });
});
