import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { runtimeLine, serviceUsage } from "../../bus/index.js";
import { abortAfter, GalleyError, withDeadline } from "../../errors/index.js";
import { durationForm, parseDuration } from "../config/index.js";
import { idParams } from "../deployments/index.js";
import { type App, goneOf, requireScope, sendEvents } from "../http/index.js";
import { type AskDeps, type LogsQuestion, readLines, readUsage } from "./ask.js";

export interface RuntimeDeps extends AskDeps {
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Readers at once, on one server. */
const mostReaders = 200;
/** Characters of an answer that is no stream; then it is said to be clipped. */
const mostText = 8 * 1024 * 1024;
/** Milliseconds for an answer that is no stream. */
const answerMs = 30_000;
/** Bytes that wait for a slow reader before the agent is held back. */
const buffered = 64 * 1024;

const instant = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;
/** `10m` ago, or a time. */
const since = z
  .string()
  .max(40)
  .refine(
    (text) => parseDuration(text) !== undefined || (instant.test(text) && Date.parse(text) >= 0),
    `must be ${durationForm}, or a time as 2026-11-22T17:00:00Z`,
  );
const logsQuery = z.object({
  service: z.string().max(64).optional(),
  since: since.optional().describe("A duration until now, or a time (RFC 3339)."),
  tail: z.coerce
    .number()
    .int()
    .min(0)
    .max(10_000)
    .default(100)
    .describe("Lines from the end, of each container."),
  follow: z
    .enum(["true", "false"])
    .default("false")
    .describe("Go on with what comes; only with `Accept: text/event-stream`."),
});
const logsAnswer = z.object({
  lines: z.array(runtimeLine),
  clipped: z.boolean().describe("There were more lines than an answer holds."),
});

/** Logs and stats of what runs. */
export function runtimeRoutes(app: App, deps: RuntimeDeps): void {
  const read = requireScope("read");
  let readers = 0;
  const question = ({ service, since, tail, follow }: z.infer<typeof logsQuery>): LogsQuestion => ({
    service: service ?? null,
    since: since === undefined ? null : sinceMs(since, deps.now()),
    tail,
    follow: follow === "true",
  });

  app.get(
    "/environments/:id/runtime-logs",
    {
      ...read,
      schema: {
        tags: ["environments"],
        summary:
          "What the services of an environment print; with `Accept: text/event-stream` one message a line, then `end`, or `error`.",
        params: idParams,
        querystring: logsQuery,
        response: { 200: logsAnswer },
      },
    },
    async (request, reply): Promise<z.infer<typeof logsAnswer>> => {
      const asked = question(request.query);
      if (readers >= mostReaders)
        throw new GalleyError("rate_limited", "Too many read logs now.", { hint: "Come again in a minute." });
      readers += 1;
      const gone = goneOf(reply as unknown as FastifyReply);
      const over = () => {
        readers -= 1;
        gone.abort();
      };
      const signal = AbortSignal.any([gone.signal, app.closing]);
      if (/\btext\/event-stream\b/i.test(request.headers.accept ?? ""))
        return (await stream(deps, {
          request,
          reply: reply as unknown as FastifyReply,
          asked,
          signal,
          over,
        })) as never;
      try {
        if (asked.follow)
          throw new GalleyError("invalid_request", "Following takes `Accept: text/event-stream`.");
        return await collect(deps, request.params.id, asked, withDeadline(signal, answerMs));
      } finally {
        over();
      }
    },
  );

  app.get(
    "/environments/:id/stats",
    {
      ...read,
      schema: {
        tags: ["environments"],
        summary: "What the services of an environment use, measured for a second.",
        params: idParams,
        response: { 200: z.object({ services: z.array(serviceUsage) }) },
      },
    },
    async (request, reply) => {
      const gone = goneOf(reply);
      const signal = AbortSignal.any([gone.signal, app.closing, abortAfter(answerMs)]);
      return { services: await readUsage(deps, request.params.id, signal) };
    },
  );
}

const sinceMs = (text: string, now: number): number => {
  const seconds = parseDuration(text);
  return seconds === undefined ? Date.parse(text) : Math.max(0, now - seconds * 1000);
};

async function collect(
  deps: RuntimeDeps,
  id: string,
  asked: LogsQuestion,
  signal: AbortSignal,
): Promise<z.infer<typeof logsAnswer>> {
  const lines: z.infer<typeof runtimeLine>[] = [];
  let text = 0;
  for await (const batch of readLines(deps, id, asked, signal)) {
    for (const line of batch) {
      text += line.text.length + 100;
      if (text > mostText) return { lines, clipped: true };
      lines.push(line);
    }
  }
  return { lines, clipped: false };
}

/** The first answer of the agent is awaited, so that a refusal is told as an answer; what fails later is the stream's last message. */
async function stream(
  deps: RuntimeDeps,
  {
    request,
    reply,
    asked,
    signal,
    over,
  }: {
    request: FastifyRequest;
    reply: FastifyReply;
    asked: LogsQuestion;
    signal: AbortSignal;
    over: () => void;
  },
): Promise<FastifyReply> {
  const { id } = request.params as z.infer<typeof idParams>;
  const batches = readLines(deps, id, asked, signal);
  let first: IteratorResult<z.infer<typeof runtimeLine>[]>;
  try {
    first = await batches.next();
  } catch (error) {
    over();
    throw error;
  }
  const texts = Readable.from(messages(first, batches, signal), {
    objectMode: false,
    highWaterMark: buffered,
  });
  texts.once("close", over);
  texts.on("error", (error) =>
    request.log.warn({ err: error, environment: id }, "a stream of logs broke off"),
  );
  return sendEvents(reply, texts);
}

async function* messages(
  first: IteratorResult<z.infer<typeof runtimeLine>[]>,
  batches: AsyncGenerator<z.infer<typeof runtimeLine>[]>,
  signal: AbortSignal,
): AsyncGenerator<string> {
  try {
    for (let next = first; !next.done; next = await batches.next())
      yield next.value.length === 0
        ? ": still here\n\n"
        : next.value.map((line) => `data: ${JSON.stringify(line)}\n\n`).join("");
    yield "event: end\ndata: {}\n\n";
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof GalleyError)) throw error;
    const { code, message, hint } = error;
    yield `event: error\ndata: ${JSON.stringify({ code, message, ...(hint ? { hint } : {}) })}\n\n`;
  } finally {
    await batches.return(undefined);
  }
}
