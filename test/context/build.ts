// What the tests of contexts share: folders with awkward names, builds by us and by buildx that copy a context into a folder,
// and lists of what arrived.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  BuildKitClient,
  type ContextTree,
  createFilesTree,
  type SolveOptions,
  type SolveResult,
} from "../../src/buildkit/index.js";
import { engineEnv, type LabEngine } from "../support/engines.js";

const run = promisify(execFile);

export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "galley-context-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Names are latin1 strings: one character for each byte. */
export async function writeTree(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, "latin1")]);
    await mkdir(path.subarray(0, path.lastIndexOf("/")), { recursive: true });
    await writeFile(path, content);
  }
}

export const latin1 = (text: string): string => Buffer.from(text).toString("latin1");

/** Everything below a folder: path (latin1), type and permissions, target or content. Sorted. */
export function listing(root: string): string[] {
  const found: string[] = [];
  const visit = (prefix: string) => {
    const at = (name: string) =>
      Buffer.concat([Buffer.from(`${root}/`), Buffer.from(prefix + name, "latin1")]);
    for (const entry of readdirSync(at(""), { encoding: "buffer" })) {
      const name = entry.toString("latin1");
      const stat = lstatSync(at(name));
      const path = prefix + name;
      const mode = stat.mode.toString(8);
      if (stat.isSymbolicLink()) found.push(`${path} -> ${readlinkSync(at(name), { encoding: "latin1" })}`);
      else if (stat.isDirectory()) {
        found.push(`${path}/ ${mode}`);
        visit(`${path}/`);
      } else found.push(`${path} ${mode} ${readFileSync(at(name), "latin1")}`);
    }
  };
  visit("");
  return found.sort();
}

/** A tree that counts what is asked of it. */
export function counted(tree: ContextTree): {
  tree: ContextTree;
  reads: () => number;
  names: () => string[];
} {
  const names: string[] = [];
  return {
    tree: {
      entries: (filter, signal) => tree.entries(filter, signal),
      read: (entry, signal) => {
        names.push(entry.path.toString("latin1"));
        return tree.read(entry, signal);
      },
      close: () => tree.close(),
    },
    reads: () => names.length,
    names: () => names,
  };
}

export const freshKey = (): string => `galley-test-${randomBytes(8).toString("hex")}`;

/** Solves a Dockerfile over trees; without outputs the result is thrown away. */
export async function solve(
  engine: LabEngine,
  dockerfile: string,
  trees: Readonly<Record<string, ContextTree>>,
  options: Omit<SolveOptions, "trees"> = {},
): Promise<SolveResult> {
  const client = await BuildKitClient.connect(undefined, { env: engineEnv(engine) });
  try {
    const tree = createFilesTree(new Map([["Dockerfile", dockerfile]]));
    return await client.solve({ sharedKey: freshKey(), ...options, trees: { dockerfile: tree, ...trees } });
  } finally {
    client.close();
  }
}

/** Copies a whole context into a folder, by way of the engine. */
export async function copyOut(
  engine: LabEngine,
  tree: ContextTree,
  target: string,
  dockerfile = "FROM scratch\nCOPY . /\n",
): Promise<void> {
  const exports = [{ type: "local", attrs: {}, output: { kind: "directory", path: target } as const }];
  await solve(engine, dockerfile, { context: tree }, { exports });
}

/** The same build by buildx. */
export async function buildx(
  engine: LabEngine,
  folder: string,
  args: readonly string[],
  dockerfile: string,
): Promise<void> {
  // Attestations are files of their own in a local export, and 20.10 knows none.
  const plain = engine.version === 20 ? [] : ["--provenance=false"];
  const building = run("docker", ["buildx", "build", "--progress=plain", ...plain, "-f", "-", ...args], {
    env: { ...engineEnv(engine), BUILDX_CONFIG: join(folder, "buildx-config") },
  });
  building.child.stdin?.on("error", () => {});
  building.child.stdin?.end(dockerfile);
  await building;
}
