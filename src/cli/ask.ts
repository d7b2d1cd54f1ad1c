import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { usageError } from "./usage-error.js";

/** Longest text that is taken from stdin. Bytes. */
const longest = 64 * 1024;

/** Whether there is a person at the other end who could answer. */
export const canAsk = ({ stdin, stderr }: NodeJS.Process): boolean => Boolean(stdin.isTTY && stderr.isTTY);

/**
 * Asks on the terminal and resolves with the answer. `hidden`: what is typed is not shown. Ends by `signal`, and by Ctrl-C, which
 * the terminal does not turn into a signal while it is read key by key.
 */
export function ask(
  question: string,
  { process, signal, hidden = false }: { process: NodeJS.Process; signal: AbortSignal; hidden?: boolean },
): Promise<string> {
  const { stdin, stderr } = process;
  return new Promise((resolve, reject) => {
    const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface({ input: stdin, output: hidden ? unseen : stderr, terminal: hidden });
    // Not before: until then the terminal shows what is typed.
    stderr.write(question);
    const leave = (end: () => void) => {
      signal.removeEventListener("abort", onAbort);
      lines.removeAllListeners();
      lines.close();
      if (hidden) stderr.write("\n");
      end();
    };
    const onAbort = () => leave(() => reject(signal.reason));
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    lines.once("line", (line) => leave(() => resolve(line)));
    lines.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
    lines.once("close", () => leave(() => reject(usageError("There was no answer."))));
  });
}

/** `y` and nothing else means yes. */
export async function confirm(
  question: string,
  { process, signal, yes }: { process: NodeJS.Process; signal: AbortSignal; yes: boolean },
): Promise<void> {
  if (yes) return;
  if (!canAsk(process))
    throw usageError("This cannot be taken back, and nobody is there to ask.", "Say --yes if it is meant.");
  const answer = await ask(`${question} [y/N] `, { process, signal });
  if (!/^y(es)?$/i.test(answer.trim())) throw usageError("Nothing was changed.");
}

/** A secret from stdin, for scripts; one line end after it does not belong to it. Throws `usage` when there is none. */
export async function readSecret(
  { stdin }: NodeJS.Process,
  signal: AbortSignal,
  what: string,
): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const stop = () => stdin.destroy(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const chunk of stdin) {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      size += bytes.length;
      if (size > longest) throw usageError(`${what} from stdin is longer than ${longest} bytes.`);
      chunks.push(bytes);
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
  const text = Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
  if (text === "") throw usageError(`${what} was to come from stdin, and nothing came.`);
  return text;
}

/** What a person types unseen, or what a script gives on stdin. */
export async function askSecret(
  question: string,
  what: string,
  { process, signal, stdin }: { process: NodeJS.Process; signal: AbortSignal; stdin: boolean },
): Promise<string> {
  if (stdin || !process.stdin.isTTY) return readSecret(process, signal, what);
  return ask(question, { process, signal, hidden: true });
}
