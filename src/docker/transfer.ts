import { GalleyError } from "../errors/index.js";

/** What a registry is shown, in the engine's words; absent for anonymous. The value never appears in an error. */
export type RegistryLogin =
  | { readonly username: string; readonly password: string }
  | { readonly identitytoken: string }
  | { readonly registrytoken: string };

export interface TransferOptions {
  readonly signal: AbortSignal;
  readonly login?: RegistryLogin | undefined;
  /** Bytes done and expected so far, over all layers that have begun. */
  readonly onProgress?: (progress: { readonly current: number; readonly total: number }) => void;
  /** Milliseconds without a word from the engine after which a transfer counts as stuck. Default: 300,000. */
  readonly idleMs?: number;
}

const defaultIdleMs = 300_000;
/** Longest line that is kept: a stream without line ends must not fill the memory. */
const maxLine = 1024 * 1024;

/** The content of `X-Registry-Auth`. The engine wants the header even for nobody. */
export function registryAuth(registry: string, login: RegistryLogin | undefined): Record<string, string> {
  const serveraddress = registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
  return { ...login, serveraddress };
}

/**
 * Reads a pull's or push's messages to their end and resolves with the digest that a push tells at last. The engine answers
 * 200 first, and says within the stream that it failed: such a text is thrown as an error of status 500.
 */
export async function followTransfer(
  stream: NodeJS.ReadableStream,
  { signal, onProgress, idleMs = defaultIdleMs }: TransferOptions,
): Promise<{ readonly digest?: string }> {
  const layers = new Map<string, { current: number; total: number }>();
  const end = (reason: unknown) => {
    (stream as unknown as { destroy(error: unknown): void }).destroy(reason);
  };
  const stop = () => end(signal.reason);
  const stuck = new GalleyError(
    "engine_unreachable",
    `The Docker Engine has said nothing for ${idleMs / 1000} s`,
    {
      hint: "Its connection to the registry may be stuck: try again.",
    },
  );
  const timer = setTimeout(() => end(stuck), idleMs);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  let digest: string | undefined;
  try {
    for await (const message of jsonLines(stream)) {
      timer.refresh();
      const failed = (message.errorDetail as { message?: unknown } | undefined)?.message ?? message.error;
      if (typeof failed === "string") throw Object.assign(new TransferRefused(failed), { statusCode: 500 });
      const told = (message.aux as { Digest?: unknown } | undefined)?.Digest;
      if (typeof told === "string") digest = told;
      // With the containerd store the digest comes in words only.
      digest ??= /^[^\s:]+: digest: (sha256:[0-9a-f]{64}) size: \d+$/.exec(String(message.status))?.[1];
      const detail = message.progressDetail as { current?: unknown; total?: unknown } | undefined;
      if (
        typeof message.id !== "string" ||
        typeof detail?.current !== "number" ||
        typeof detail.total !== "number"
      )
        continue;
      layers.set(message.id, { current: detail.current, total: detail.total });
      let current = 0;
      let total = 0;
      for (const layer of layers.values()) {
        current += layer.current;
        total += layer.total;
      }
      onProgress?.({ current, total });
    }
    signal.throwIfAborted();
    return digest === undefined ? {} : { digest };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

/** Never leaves this room: its text is judged and wrapped. */
class TransferRefused extends Error {}

/** The objects of a stream of JSON lines; what is none is skipped. Throws `engine_error` for a line without end. */
export async function* jsonLines(stream: NodeJS.ReadableStream): AsyncGenerator<Record<string, unknown>> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    rest += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > maxLine)
      throw new GalleyError("engine_error", "The Docker Engine's answer cannot be understood");
    for (const line of lines) {
      const message = parse(line);
      if (message) yield message;
    }
  }
  const last = parse(rest);
  if (last) yield last;
}

function parse(line: string): Record<string, unknown> | undefined {
  if (line.trim() === "") return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
