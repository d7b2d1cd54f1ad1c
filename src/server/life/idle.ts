import type { QueueDeps } from "../queue/index.js";
import { hibernate } from "./rest.js";

/** Thrown within the transaction: it was asked for something meanwhile, or somebody was faster. */
class NotIdle extends Error {}

/** Hibernates an environment that nobody has asked for anything since `lastRequestAt`, if that still is so. */
export async function hibernateIdle(
  deps: QueueDeps,
  id: string,
  lastRequestAt: number | null,
): Promise<void> {
  try {
    await hibernate(deps, id, async (_, row) => {
      if ((row.lastRequestAt?.getTime() ?? null) !== lastRequestAt) throw new NotIdle();
    });
  } catch (error) {
    if (!(error instanceof NotIdle)) throw error;
  }
}
