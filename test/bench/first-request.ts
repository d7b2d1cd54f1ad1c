import { type EngineDoor, standBefore } from "./engine-door.js";

/** Notes when BuildKit is asked for. */
export interface Doorstep extends EngineDoor {
  /** `performance.now()` of the first request since the last call; undefined when there was none. */
  firstRequest(): number | undefined;
}

/** What a client of BuildKit sends first: the Docker API's upgrade, or HTTP/2 at once. */
const requests = ["POST /grpc", "PRI * HTTP/2.0"];
const versioned = /^POST \/v[\d.]+\/grpc/;

export async function noteFirstRequest(dockerHost: string): Promise<Doorstep> {
  let first: number | undefined;
  const door = await standBefore(dockerHost, (chunk) => {
    if (first !== undefined) return;
    const head = chunk.toString("latin1", 0, 64);
    if (requests.some((request) => head.startsWith(request)) || versioned.test(head))
      first = performance.now();
  });
  return {
    ...door,
    firstRequest: () => {
      const at = first;
      first = undefined;
      return at;
    },
  };
}
