import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Layout } from "./layout.js";

/** Of the image that is taken where only `docker` is asked for. */
const usualImage = "nats:2.12";

/** The image of `docker` or `docker:IMAGE`; undefined for what is the path of a nats-server. */
export function busImage(natsServer: string): string | undefined {
  if (natsServer === "docker") return usualImage;
  return natsServer.startsWith("docker:") ? natsServer.slice("docker:".length) : undefined;
}

/**
 * The bus as a container, where there is no nats-server but an engine and its registry. The container is the process: signals reach it, and
 * it goes when it ends. It has the layout's name and not the port's, so that one that was left can be found.
 */
export function busInDocker(layout: Layout, image: string, port: number, config: string) {
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  return {
    command: "docker",
    args: [
      ...["run", "--rm", "--name", containerName(layout), "--user", user],
      ...["--publish", `127.0.0.1:${port}:${port}`, "--volume", `${layout.root}:${layout.root}`],
      ...[image, "--config", config],
    ],
  };
}

/** Ends the container that a `galley up` that was killed has left: two buses must never have the same files. */
export async function removeBusContainer(layout: Layout, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn("docker", ["rm", "--force", containerName(layout)], { env, stdio: "ignore" });
  // Without a docker command the start that comes next says so.
  await Promise.race([once(child, "exit"), once(child, "error")]);
}

const containerName = ({ root }: Layout) =>
  `galley-bus-${createHash("sha256").update(root).digest("hex").slice(0, 12)}`;
