// Builds one Dockerfile twice on an engine of the lab: with the real `docker buildx build`, and with our own client.
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BuildKitClient, createDirectoryTree, type SolveStatus } from "../../src/buildkit/index.js";
import { engineEnv, type LabEngine } from "../support/engines.js";

export interface Context {
  readonly path: string;
  remove(): Promise<void>;
}

export async function createContext(files: Readonly<Record<string, string>>): Promise<Context> {
  const path = await mkdtemp(join(tmpdir(), "galley-progress-"));
  for (const [name, content] of Object.entries(files)) await writeFile(join(path, name), content);
  return { path, remove: () => rm(path, { recursive: true }) };
}

/** What `docker buildx build --progress MODE` writes to its standard error. It may fail: that is shown there, too. */
export function buildx(
  engine: LabEngine,
  mode: "rawjson" | "plain",
  args: readonly string[],
): Promise<string> {
  const child = spawn("docker", ["buildx", "build", "--progress", mode, "--provenance=false", ...args], {
    env: { ...engineEnv(engine), BUILDX_NO_DEFAULT_ATTESTATIONS: "1" },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 120_000,
  });
  return new Promise((resolve, reject) => {
    let text = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    child.on("error", reject).on("close", () => resolve(text));
  });
}

/** The objects of a `rawjson` stream: one per line, or, before buildx 0.14, indented over several. */
export function rawObjects(text: string): Record<string, Record<string, unknown>[]>[] {
  const compact = text.startsWith("{\n") ? text.split(/(?<=^\})\n(?=\{)/m) : text.split("\n");
  return compact.flatMap((part) => {
    const end = part.lastIndexOf("\n}");
    try {
      return [JSON.parse(text.startsWith("{\n") ? part.slice(0, end + 2) : part)];
    } catch {
      return [];
    }
  });
}

/** The status messages of the same build through our own client. */
export async function ours(
  engine: LabEngine,
  path: string,
  frontendAttrs: Readonly<Record<string, string>>,
): Promise<SolveStatus[]> {
  const client = await BuildKitClient.connect(undefined, { env: engineEnv(engine) });
  const messages: SolveStatus[] = [];
  const tree = () => createDirectoryTree(path);
  try {
    await client.solve({
      trees: { context: await tree(), dockerfile: await tree() },
      frontendAttrs: { filename: "Dockerfile", ...frontendAttrs },
      exports: [{ type: "moby", attrs: {} }],
      onStatus: (status) => messages.push(status),
      signal: AbortSignal.timeout(120_000),
    });
  } catch (error) {
    if (messages.length === 0) throw error;
  } finally {
    client.close();
  }
  return messages;
}
