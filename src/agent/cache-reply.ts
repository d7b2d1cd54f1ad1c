import { runtimeBeatMs, runtimePiece } from "../bus/index.js";
import { type CacheProgress, mostCacheAnswer } from "../cache-api/index.js";
import { GalleyError } from "../errors/index.js";
import { within } from "./within.js";

export type CacheReply =
  | { readonly type: "progress"; readonly progress: CacheProgress | null }
  | { readonly type: "piece"; readonly text: string };

export interface CacheReplyOptions {
  /** Makes the answer; `ended` ends it half-way. */
  readonly answer: (onProgress: (progress: CacheProgress) => void, ended: AbortSignal) => Promise<unknown>;
  /** Resolves when more may be told. */
  readonly tell: (reply: CacheReply) => Promise<void>;
  readonly ended: AbortSignal;
  /** Milliseconds between two words of how far it is. Default 250. */
  readonly progressMs?: number;
}

/**
 * Tells an answer about caches: at once that somebody is there, now and then how far it is, and then the answer as one JSON text in pieces that
 * the bus takes.
 *
 * @throws what `answer` throws, `invalid_request` for an answer that is too long, and the reason of `ended`
 */
export async function tellCacheAnswer(options: CacheReplyOptions): Promise<void> {
  const { tell, ended, progressMs = 250 } = options;
  await tell({ type: "progress", progress: null });
  let latest: CacheProgress | null = null;
  let told: CacheProgress | null = null;
  let silent = 0;
  const answering = options
    .answer((progress) => {
      latest = progress;
    }, ended)
    .then((value) => ({ value }));
  answering.catch(() => {}); // it is waited for below, unless the reader leaves
  for (;;) {
    const answer = await within(answering, progressMs, ended);
    ended.throwIfAborted();
    if (answer) {
      for (const text of pieces(JSON.stringify(answer.value))) await tell({ type: "piece", text });
      return;
    }
    silent += progressMs;
    if (latest === told && silent < runtimeBeatMs) continue;
    told = latest;
    silent = 0;
    await tell({ type: "progress", progress: latest });
  }
}

function pieces(text: string): string[] {
  if (text.length > mostCacheAnswer)
    throw new GalleyError("invalid_request", "The answer is too long to be sent.", {
      hint: "Ask on the agent's host: `galley cache` works there by itself.",
    });
  return Array.from({ length: Math.ceil(text.length / runtimePiece) }, (_, index) =>
    text.slice(index * runtimePiece, (index + 1) * runtimePiece),
  );
}
