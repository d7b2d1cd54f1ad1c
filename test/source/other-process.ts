// Another process of this host that uses the source room: to be killed, or to be waited for.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const mirrorModule = join(import.meta.dirname, "../../src/source/mirror.ts");

/** Makes a program of these lines, which may use `openMirror`, `input` (what it is started with) and top-level await. */
export async function makeProgram(directory: string, lines: string): Promise<string> {
  const outfile = join(directory, `program-${Math.random().toString(36).slice(2)}.mjs`);
  await build({
    stdin: {
      contents: `import { openMirror } from ${JSON.stringify(mirrorModule)};
        const input: any = JSON.parse(process.argv[2] ?? "{}");
        ${lines}`,
      loader: "ts",
      resolveDir: import.meta.dirname,
    },
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
  });
  return outfile;
}

export function startProgram(program: string, input: unknown): ChildProcess {
  return spawn(process.execPath, [program, JSON.stringify(input)], { stdio: ["ignore", "pipe", "inherit"] });
}

/** What it printed, when it has ended. */
export async function outputOf(child: ChildProcess): Promise<string> {
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  return text.trim();
}

/** Command lines and environments of all processes that can be seen, those of `except` left out. */
export function allProcesses(): { pid: number; parent: number; cmdline: string }[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields[0] === "Z") return [];
      const cmdline = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
      return [{ pid: Number(name), parent: Number(fields[1]), cmdline }];
    } catch {
      return [];
    }
  });
}
