// The yardstick of previews: a script of `git clone` and `docker compose up --build --wait` on the same engine.
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { docker } from "../lab/engine.js";
import { script } from "../lab/scripts.js";
import type { Bench } from "./bench.js";
import { type Measured, measureInTurn } from "./measure.js";

export interface Compose {
  /** Clones a branch to the same place each time, where nothing may be, and brings the project up. */
  up(origin: string, branch: string): Promise<Measured>;
  /** Removes the clone; containers stay. */
  removeClone(): Promise<void>;
  /** Removes containers, networks and volumes. Without a clone there is nothing to remove. */
  down(): Promise<void>;
  /** Removes the images that were built, too. */
  close(): Promise<void>;
}

export async function openCompose(bench: Bench, name: string): Promise<Compose> {
  const project = `galley-bench-${process.pid}-${name}`;
  const clone = join(bench.folder, project);
  const config = await configWithCompose(bench);
  // With a statement of its provenance, which has times in it, every image is another after each build, and every container is replaced.
  const env = { ...bench.env, DOCKER_CONFIG: config, BUILDX_NO_DEFAULT_ATTESTATIONS: "1" };
  const command = (...args: string[]) => ({
    command: "docker",
    args: ["compose", "--project-name", project, "--project-directory", clone, ...args],
    env,
  });
  const label = `label=com.docker.compose.project=${project}`;
  const down = async () => {
    // Without the file: a clone that failed has none.
    for (const [list, remove] of [
      [
        ["ps", "--all", "--quiet"],
        ["rm", "--force", "--volumes"],
      ],
      [
        ["network", "ls", "--quiet"],
        ["network", "rm"],
      ],
      [
        ["volume", "ls", "--quiet"],
        ["volume", "rm"],
      ],
    ] as const) {
      const ids = (await docker(bench.engine, [...list, "--filter", label]))
        .split("\n")
        .filter((line) => line !== "");
      if (ids.length > 0) await docker(bench.engine, [...remove, ...ids]);
    }
  };
  let closed: Promise<void> | undefined;
  const close = async () => {
    await down();
    const images = await docker(bench.engine, [
      "images",
      "--format",
      "{{.Repository}}:{{.Tag}}",
      "--filter",
      `reference=${project}-*`,
    ]);
    const names = images.split("\n").filter((line) => line !== "");
    if (names.length > 0) await docker(bench.engine, ["image", "rm", "--force", ...names]);
    await rm(config, { recursive: true, force: true });
  };
  const compose: Compose = {
    up: (origin, branch) =>
      measureInTurn(
        [
          bench.git(["clone", "--quiet", "--depth", "1", "--branch", branch, `file://${origin}`, clone]),
          command("up", "--build", "--wait", "--quiet-pull", "--remove-orphans"),
        ],
        bench.signal,
      ),
    removeClone: () => rm(clone, { recursive: true, force: true }),
    down,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
  bench.atEnd(() => compose.close());
  return compose;
}

/** A docker config with both plugins: compose asks buildx to build. */
async function configWithCompose(bench: Bench): Promise<string> {
  const compose = (
    await script("compose.sh", [], { report: bench.options.report, signal: bench.signal })
  ).trim();
  const folder = await mkdtemp(join(tmpdir(), "galley-bench-config-"));
  await mkdir(join(folder, "cli-plugins"));
  const plugins = join(bench.engine.dockerConfig, "cli-plugins");
  for (const plugin of await readdir(plugins))
    await symlink(join(plugins, plugin), join(folder, "cli-plugins", plugin));
  await rm(join(folder, "cli-plugins/docker-compose"), { force: true });
  await symlink(compose, join(folder, "cli-plugins/docker-compose"));
  await writeFile(join(folder, "config.json"), "{}");
  return folder;
}
