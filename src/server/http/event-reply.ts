import type { Readable } from "node:stream";
import type { FastifyReply } from "fastify";

/**
 * Aborts when the answer is sent or its reader has left. Of the answer, not of the connection: that one may carry many requests, and a listener of each
 * would stay on it.
 */
export function goneOf({ raw }: Pick<FastifyReply, "raw">): AbortController {
  const gone = new AbortController();
  raw.once("close", () => gone.abort());
  return gone;
}

/** Sends server-sent events as they come, and ends the connection with them. */
export function sendEvents(reply: FastifyReply, texts: Readable): FastifyReply {
  return (
    reply
      .type("text/event-stream; charset=utf-8")
      .header("cache-control", "no-store")
      // A server that stops waits for nobody who keeps the connection for a next request.
      .header("connection", "close")
      // Proxies that gather answers would keep events back.
      .header("x-accel-buffering", "no")
      .send(texts)
  );
}
