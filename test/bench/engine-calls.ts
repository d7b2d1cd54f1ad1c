import { type EngineDoor, standBefore } from "./engine-door.js";

export interface CountedEngine extends EngineDoor {
  /** Requests of the engine's API since the last call. */
  calls(): number;
}

/** A request's head is the beginning of a chunk: clients of the engine wait for an answer before they ask again. */
const head = /^(GET|HEAD|POST|PUT|DELETE) \/\S* HTTP\/1\.1\r\n/;

export async function countCalls(dockerHost: string): Promise<CountedEngine> {
  let count = 0;
  const door = await standBefore(dockerHost, (chunk) => {
    if (head.test(chunk.toString("latin1", 0, 4096))) count += 1;
  });
  return {
    ...door,
    calls: () => {
      const all = count;
      count = 0;
      return all;
    },
  };
}
