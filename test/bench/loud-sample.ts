import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "./bench.js";
import { makeRepository } from "./fixtures.js";

/** Makes a repository with a manifest, of services whose builds print. The file `word` is in each context: another word, another build. */
export async function makeLoud(
  bench: Bench,
  name: string,
  commands: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = join(bench.folder, `${name}-files`);
  await mkdir(folder);
  await writeFile(join(folder, "word"), "first\n");
  const services: Record<string, object> = {};
  for (const [service, command] of Object.entries(commands)) {
    const dockerfile = `${service}.Dockerfile`;
    await writeFile(join(folder, dockerfile), `FROM busybox\nCOPY word /word\nRUN ${command}\n`);
    services[service] = {
      build: { dockerfile },
      command: ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"],
    };
  }
  await writeFile(join(folder, "galley.yml"), JSON.stringify({ version: 1, services }));
  const origin = join(bench.folder, `${name}.git`);
  await makeRepository(bench, origin, folder);
  return origin;
}
