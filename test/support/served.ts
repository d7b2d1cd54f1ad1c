import { setTimeout as delay } from "node:timers/promises";
import type { LabEngine } from "./engines.js";
import { docker } from "./engines.js";

/**
 * Starts an image with its port published on loopback, asks it for a path, and removes it again. A container gives no
 * event when its server listens, so the question is repeated until the deadline.
 */
export async function ask(
  engine: LabEngine,
  image: string,
  port: number,
  paths: readonly string[],
  deadlineMs = 90_000,
): Promise<{ status: number; body: string }[]> {
  const id = (await docker(engine, ["run", "-d", "-p", `127.0.0.1::${port}`, image])).trim();
  try {
    const address = (await docker(engine, ["port", id, String(port)])).trim().split("\n")[0];
    const until = Date.now() + deadlineMs;
    for (;;) {
      try {
        return await Promise.all(
          paths.map(async (path) => {
            const response = await fetch(`http://${address}${path}`, { signal: AbortSignal.timeout(30_000) });
            return { status: response.status, body: await response.text() };
          }),
        );
      } catch (error) {
        if (Date.now() > until)
          throw new Error(`${image} does not answer: ${await docker(engine, ["logs", id])}`, {
            cause: error,
          });
        await delay(100);
      }
    }
  } finally {
    await docker(engine, ["rm", "-f", "-v", id]);
  }
}
