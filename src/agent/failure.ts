import type { z } from "zod";
import { BuildKitError } from "../buildkit/index.js";
import { GalleyError } from "../errors/index.js";
import type { failureSchema } from "../events/index.js";

export type Failure = z.infer<typeof failureSchema>;

const nothing = { step: null, command: null, exitCode: null, dockerfile: null, logTail: [] };

/** What is told of an error: its code, its sentence and what to do; of a build with the Dockerfile's lines. Never a stack. */
export function failureOf(error: unknown): Failure {
  if (error instanceof BuildKitError) {
    const { failure } = error;
    const dockerfile = failure?.dockerfile;
    return {
      code: error.code,
      message: error.message,
      hint: error.hint ?? null,
      step: failure?.step ?? failure?.vertex ?? null,
      command: failure?.command ?? null,
      exitCode: failure?.exitCode ?? null,
      dockerfile: dockerfile
        ? { name: dockerfile.name, excerpt: dockerfile.excerpt.map((line) => ({ ...line })) }
        : null,
      logTail: [...(failure?.logTail ?? [])],
    };
  }
  if (error instanceof GalleyError)
    return { ...nothing, code: error.code, message: error.message, hint: error.hint ?? null };
  const message = error instanceof Error ? error.message : String(error);
  return {
    ...nothing,
    code: "internal",
    message: `The agent met something that it does not know: ${message}`,
    hint: "Its log has more; please report it.",
  };
}
