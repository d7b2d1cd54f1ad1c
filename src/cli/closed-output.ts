import { GalleyError } from "../errors/index.js";

/**
 * Calls back when somebody who reads what this command prints has gone away, as `head` does that has seen enough. Other failures of stdout and
 * stderr (a full disk) are thrown as ever. Returns the function that ends it.
 */
export function onClosedOutput(
  process: Pick<NodeJS.Process, "stdout" | "stderr">,
  closed: (reason: GalleyError) => void,
): () => void {
  const streams = [process.stdout, process.stderr];
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    closed(new GalleyError("interrupted", "nobody reads the output any more", { cause: error }));
  };
  for (const stream of streams) stream.on("error", onError);
  return () => {
    for (const stream of streams) stream.off("error", onError);
  };
}

/** Whether something was ended for that: then nothing is to be said of it. */
export const isClosedOutput = (reason: unknown): boolean =>
  reason instanceof GalleyError && (reason.cause as NodeJS.ErrnoException | undefined)?.code === "EPIPE";
