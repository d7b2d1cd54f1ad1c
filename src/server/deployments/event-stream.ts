import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { GalleyError } from "../../errors/index.js";
import { goneOf, sendEvents } from "../http/index.js";
import { type FollowDeps, follow } from "./follow.js";
import { readDeployment } from "./read.js";

/** Most that follow at once, on one server. */
const mostFollowers = 1000;
/** Bytes that wait for a slow reader before the database is asked for no more. */
const buffered = 64 * 1024;

/** Answers with server-sent events. `closing`: ends the stream, so that the reader goes on with another server. */
export async function sendEventStream(
  deps: FollowDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  { id, after, closing }: { id: string; after: number; closing: AbortSignal },
): Promise<FastifyReply> {
  if (deps.notices.followers() >= mostFollowers)
    throw new GalleyError("rate_limited", "Too many follow deployments now.", {
      hint: "Come again in a minute.",
    });
  // Told as an answer, while there still can be one.
  await readDeployment(deps.db, id);
  const gone = goneOf(reply);
  const signal = AbortSignal.any([gone.signal, closing]);
  const texts = Readable.from(follow(deps, id, after, signal), {
    objectMode: false,
    highWaterMark: buffered,
  });
  texts.once("close", () => gone.abort());
  texts.on("error", (error) => request.log.warn({ err: error, deployment: id }, "an event stream broke off"));
  return sendEvents(reply, texts);
}

/** The id to go on after: of the header that browsers send by themselves, else of the query. */
export function resumeAfter(request: FastifyRequest, query: number): number {
  const header = request.headers["last-event-id"];
  if (header === undefined || header === "") return query;
  if (typeof header === "string" && /^\d{1,15}$/.test(header)) return Number(header);
  throw new GalleyError("invalid_request", "Last-Event-ID is not an id of an event.");
}
