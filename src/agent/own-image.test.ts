import { describe, expect, test } from "vitest";
import { parseAgentConfig } from "./config.js";
import { containerOf, forContainer } from "./own-image.js";

const id = "bd32e102e7a2de959d89841a168729fb8d13a4d18c287ed51df8eb52e6e57c81";
const config = (env: Record<string, string> = {}) =>
  parseAgentConfig({ GALLEY_CONTROL_PLANE_URL: "http://server", GALLEY_NATS_URL: "nats://bus", ...env });

describe("the container that an agent runs in", () => {
  test("is known by the files that the engine mounts into it, whatever the engine's directory is called", () => {
    const mounted = (root: string) =>
      `139 101 0:38 / / rw - overlay overlay rw\n142 101 254:0 ${root}/containers/${id}/hostname /etc/hostname rw,relatime - ext4 /dev/vda rw\n`;
    expect(containerOf(mounted("/var/lib/docker"))).toBe(id);
    expect(containerOf(mounted("/srv/a b/docker"))).toBe(id);
  });

  test("is none on a machine, also one that has containers", () => {
    expect(containerOf("25 30 0:23 / /proc rw - proc proc rw\n")).toBeUndefined();
    expect(
      containerOf(
        `40 30 0:50 / /var/lib/docker/containers/${id}/mounts/shm rw - tmpfs shm rw\n41 30 0:4 / /run/docker/netns/x rw - nsfs nsfs rw\n`,
      ),
    ).toBeUndefined();
  });
});

describe("an agent in a container", () => {
  test("has health asked and the firewall set by containers of its own image", () => {
    expect(forContainer(config(), "sha256:own")).toMatchObject({
      probeImage: "sha256:own",
      firewall: "sha256:own",
    });
  });

  test("takes what its settings name instead", () => {
    const named = config({ GALLEY_PROBE_IMAGE: "node:22-slim", GALLEY_FIREWALL: "off" });
    expect(forContainer(named, "sha256:own")).toEqual(named);
  });

  test("is no matter of one outside", () => {
    expect(forContainer(config(), undefined)).toEqual(config());
  });
});
