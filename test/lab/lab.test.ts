import { join } from "node:path";
import { expect, test } from "vitest";
import {
  docker,
  labName,
  labRegistry,
  onEachEngine,
  ownDockerConfig,
  purgeImage,
} from "../support/engines.js";
import { ask } from "../support/served.js";
import { labDirectory } from "./scripts.js";

onEachEngine((engine) => {
  test("answers with the version and the image store that its name claims", async () => {
    const info = JSON.parse(await docker(engine, ["info", "--format", "{{json .}}"]));
    expect(Number(info.ServerVersion.split(".")[0])).toBe(engine.version);
    const containerd = info.DriverStatus.some(([, value]: [string, string]) =>
      value.startsWith("io.containerd.snapshotter"),
    );
    expect(containerd).toBe(engine.store === "containerd");
    if (!engine.found) expect(info.DockerRootDir).toBe(join(labDirectory(), engine.name, "data"));
  });

  test("has base images that run as what they stand for", async () => {
    const run = (...args: string[]) => docker(engine, ["run", "--rm", ...args]);
    const said = await Promise.all([
      run("node:22", "node", "-p", "process.version"),
      run("python:3.11-slim", "python3", "-V"),
      run("busybox:latest", "sh", "-c", "echo $((6 * 7))"),
      run("alpine:3.20", "sh", "-c", ". /etc/os-release; echo $ID"),
      run("debian:bookworm-slim", "cat", "/etc/debian_version"),
    ]);
    const [node, python, busybox, alpine, debian] = said.map((text) => text.trim());
    expect(node).toMatch(/^v22\./);
    expect(python).toMatch(/^Python 3\.11\./);
    expect(busybox).toBe("42");
    expect(alpine).toBe("alpine");
    expect(debian).toMatch(/^12\./);
  });

  test("publishes a container's port on the loopback", async () => {
    const [page] = await ask(engine, "nginx:alpine", 80, ["/"]);
    expect(page?.status).toBe(200);
    expect(page?.body).toContain("nginx");
  });

  test("pushes to the open registry freely and to the other with its login only", async () => {
    const { open, auth } = labRegistry();
    const own = await ownDockerConfig(engine);
    const env = { DOCKER_CONFIG: own.folder };
    const names = [open, auth.host].map((host) => `${host}/${labName("push")}:1`) as [string, string];
    try {
      for (const name of names) await docker(engine, ["tag", "busybox:latest", name]);
      await docker(engine, ["push", names[0]], { env });
      await expect(docker(engine, ["push", names[1]], { env })).rejects.toThrow(
        /no basic auth|access denied/,
      );
      const login = ["login", "--username", auth.username, "--password-stdin", auth.host];
      await docker(engine, login, { env, input: auth.password });
      await docker(engine, ["push", names[1]], { env });
    } finally {
      for (const name of names) await purgeImage(engine, name);
      await own.remove();
    }
  });

  // An engine that was there before has no mirror of ours.
  if (engine.found) return;
  test("pulls what the registry has by its Docker Hub name", async () => {
    const name = labName("mirror");
    const pushed = `${labRegistry().open}/library/${name}:latest`;
    try {
      await docker(engine, ["tag", "busybox:latest", pushed]);
      await docker(engine, ["push", pushed]);
      await docker(engine, ["pull", name]);
      expect(await docker(engine, ["run", "--rm", name, "echo", "here"])).toBe("here\n");
    } finally {
      await purgeImage(engine, pushed);
      await purgeImage(engine, name);
    }
  });
});
