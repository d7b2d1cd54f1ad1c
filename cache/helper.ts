import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import {
  type BuildGraph,
  type ContextTree,
  createFileSync,
  createIndexedTree,
  type Gateway,
  type GraphStep,
  type SessionService,
  sourceDefinition,
} from "../src/buildkit/index.js";

/** What runs beside builds to look into their cache mounts: one static busybox, else the image of the build's own step. */
export interface Helper {
  readonly services: readonly SessionService[];
  /** @returns the reference of a root, and what goes before `tar`, `find` and their like */
  load(gateway: Gateway, graph: BuildGraph, step: GraphStep): Promise<HelperRoot>;
}

export interface HelperRoot {
  readonly ref: string;
  readonly shell: readonly string[];
  /** `/busybox ` or nothing. */
  readonly prefix: string;
}

const places = ["/bin/busybox", "/usr/bin/busybox", "/usr/local/bin/busybox"];
const directoryName = "galley-helper";

/**
 * @param auth for the image of a step, which the engine has as a rule
 * @param busybox a static one; undefined: looked for in the usual places
 */
export async function findHelper(auth: SessionService, busybox?: Buffer): Promise<Helper> {
  const program = busybox ?? (await findBusybox());
  if (program === undefined) return { services: [auth], load: loadImage };
  const tree = busyboxTree(program);
  return {
    services: [createFileSync({ [directoryName]: tree })],
    load: async (gateway) => {
      const attrs = { "local.session": gateway.sessionId, "local.sharedkeyhint": directoryName };
      const ref = await gateway.load(sourceDefinition(`local://${directoryName}`, attrs));
      return { ref, shell: ["/busybox", "sh", "-c"], prefix: "/busybox " };
    },
  };
}

/** The root that the step itself starts from, without what came before it: it is there already, or the build needs it next. */
async function loadImage(gateway: Gateway, graph: BuildGraph, step: GraphStep): Promise<HelperRoot> {
  const byDigest = new Map(graph.steps.map((one) => [one.digest, one]));
  let root = step.root;
  for (let found = root && byDigest.get(root.digest); found && found.kind !== "source"; ) {
    root = found.root ?? found.inputs[0];
    found = root && byDigest.get(root.digest);
  }
  const ref = root ? await gateway.load(graph.part(root)) : "";
  return { ref, shell: ["/bin/sh", "-c"], prefix: "" };
}

/** Whether a busybox that runs anywhere is on this machine. */
export const hasBusybox = async (): Promise<boolean> => (await findBusybox()) !== undefined;

async function findBusybox(): Promise<Buffer | undefined> {
  for (const path of places) {
    try {
      await access(path, constants.R_OK);
      const program = await readFile(path);
      if (isStatic(program)) return program;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** A 64-bit ELF program that names no interpreter: it runs where there is nothing else. */
function isStatic(program: Buffer): boolean {
  if (program.length < 64 || program.readUInt32BE(0) !== 0x7f454c46 || program[4] !== 2 || program[5] !== 1)
    return false;
  const table = Number(program.readBigUInt64LE(32));
  const size = program.readUInt16LE(54);
  const interpreter = 3;
  for (let index = 0; index < program.readUInt16LE(56); index += 1)
    if (program.readUInt32LE(table + index * size) === interpreter) return false;
  return true;
}

function busyboxTree(program: Buffer): ContextTree {
  const about = {
    path: Buffer.from("busybox"),
    mode: 0o755,
    uid: 0,
    gid: 0,
    size: program.length,
    modTime: 1_000_000_000n,
  };
  return createIndexedTree([about], async function* () {
    yield program;
  });
}
