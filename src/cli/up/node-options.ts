/**
 * Options of Node itself that a process of Galley is started with.
 *
 * Bytes that pass through an agent are memory outside of its heap, which V8 adds to the heap before it decides to collect all of it. Below
 * 64 MB it does so for each 16 MB that pass, of a heap in which nothing has changed: a third of the agent's time while it stores a mount.
 * The image of the agent and the benchmark say the same.
 */
export const nodeOptions = (name: string): readonly string[] =>
  name === "agent" ? ["--initial-old-space-size=64"] : [];
