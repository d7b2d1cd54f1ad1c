import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { GalleyError } from "../../errors/index.js";
import { sendEvents } from "../http/index.js";
import type { CacheWord } from "./ask.js";

/**
 * How far an answer is and the answer, as server-sent events: `progress`, then `answer`; `error` in its place where it fails on the way. The first
 * word of the agent is awaited, so that a refusal is told as a failed request. `over` is called once, at the end.
 */
export async function streamAnswer(
  words: AsyncGenerator<CacheWord>,
  request: FastifyRequest,
  reply: FastifyReply,
  { signal, over }: { readonly signal: AbortSignal; readonly over: () => void },
): Promise<FastifyReply> {
  let first: IteratorResult<CacheWord>;
  try {
    first = await words.next();
  } catch (error) {
    over();
    throw error;
  }
  const texts = Readable.from(messages(first, words, signal), { objectMode: false });
  texts.once("close", over);
  texts.on("error", (error) => request.log.warn({ err: error }, "an answer about caches broke off"));
  return sendEvents(reply, texts);
}

async function* messages(
  first: IteratorResult<CacheWord>,
  words: AsyncGenerator<CacheWord>,
  signal: AbortSignal,
): AsyncGenerator<string> {
  try {
    for (let next = first; !next.done; next = await words.next()) {
      const word = next.value;
      if ("answer" in word) yield event("answer", word.answer);
      else yield word.progress === null ? ": still here\n\n" : event("progress", word.progress);
    }
  } catch (error) {
    if (signal.aborted && !(signal.reason instanceof GalleyError)) return;
    if (!(error instanceof GalleyError)) throw error;
    const { code, message, hint } = error;
    yield event("error", { code, message, ...(hint ? { hint } : {}) });
  } finally {
    await words.return(undefined);
  }
}

const event = (type: string, data: unknown) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
