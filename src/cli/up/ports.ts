import { createServer } from "node:net";
import { GalleyError } from "../../errors/index.js";

/** How often others are looked for, where somebody else is quicker each time. */
const mostTries = 5;

/**
 * Starts something on ports that were free a moment ago, and again on others when another program has taken one of them meanwhile.
 *
 * @param start throws `port_in_use` then, with nothing left running
 */
export async function untilFree<Started>(
  start: () => Promise<Started>,
  onTaken: () => void = () => {},
): Promise<Started> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (error) {
      const taken = error instanceof GalleyError && error.code === "port_in_use";
      if (!taken || tries === mostTries) throw error;
      onTaken();
    }
  }
}

/** The port if it is free on 127.0.0.1, else one that is. 0 asks for any. */
export async function freePort(wanted: number): Promise<number> {
  return (await tryPort(wanted)) ?? (await tryPort(0)) ?? 0;
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : undefined));
    });
  });
}
