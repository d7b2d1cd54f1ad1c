import { z } from "zod";
import { type CacheProgress, type CacheQuestion, cacheProgress } from "../../cache-api/index.js";
import { GalleyError, type GalleyErrorCode, galleyErrorCodes } from "../../errors/index.js";
import { plainText } from "../plain-text.js";
import type { Api } from "./client.js";
import { ServerSentEvents } from "./server-sent-events.js";

const refusal = z.looseObject({ code: z.string(), message: z.string(), hint: z.string().optional() });

/**
 * Asks an agent about its caches through the server, and resolves with the answer, however long that takes.
 *
 * @param agent its id
 * @throws what the server or the agent refuses; `control_plane_unreachable` when the connection is cut
 */
export async function askCacheThrough(
  api: Api,
  agent: string,
  question: CacheQuestion,
  onProgress: (progress: CacheProgress) => void,
  signal: AbortSignal,
): Promise<unknown> {
  const { path, body } = requestOf(question);
  const response = await api.events(`/agents/${encodeURIComponent(agent)}/cache/${path}`, 0, signal, body);
  const stream = new ServerSentEvents();
  const decoder = new TextDecoder();
  try {
    for await (const bytes of response.body ?? []) {
      for (const { type, data } of stream.push(decoder.decode(bytes, { stream: true }))) {
        const said: unknown = JSON.parse(data);
        if (type === "answer") return said;
        if (type === "error") throw refused(said);
        const progress = type === "progress" ? cacheProgress.safeParse(said).data : undefined;
        if (progress) onProgress(progress);
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof GalleyError ? error : cut(error);
  }
  throw cut();
}

function requestOf(question: CacheQuestion): { readonly path: string; readonly body?: object } {
  switch (question.ask) {
    case "ls":
      return { path: "repositories" };
    case "show":
      return { path: `repositories/${encodeURIComponent(question.repo)}` };
    case "inspect":
      return {
        path: `repositories/${encodeURIComponent(question.repo)}/entry?${new URLSearchParams({ entry: question.entry })}`,
      };
    case "explain":
      return { path: `builds/${encodeURIComponent(question.build)}` };
    case "du":
      return { path: "usage" };
    case "prune": {
      const { ask: _, ...body } = question;
      return { path: "prune", body };
    }
    case "verify":
      return { path: "verify", body: {} };
  }
}

function refused(said: unknown): GalleyError {
  const { code, message, hint } = refusal.parse(said);
  const known = galleyErrorCodes.find((one): one is GalleyErrorCode => one === code);
  return new GalleyError(known ?? "internal", plainText(message), { hint: hint && plainText(hint) });
}

const cut = (cause?: unknown) =>
  new GalleyError("control_plane_unreachable", "The connection to the server was cut.", {
    hint: "Ask again.",
    cause,
  });
