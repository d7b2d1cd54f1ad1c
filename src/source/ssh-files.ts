import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { forgeKnownHosts } from "./known-hosts.js";
import { processSpace, startOf } from "./process-life.js";

export interface SshFiles {
  /** Path of the configuration file: all that ssh is to know. */
  readonly config: string;
  remove(): Promise<void>;
}

const prefix = "galley-ssh-";

/**
 * Writes what an ssh needs for one talk into a directory of its own (0700, files 0600; /dev/shm where there is one, so that the
 * key never reaches a disk): the key, the hosts that are known, and a configuration that leaves no choice: this key and no
 * other, no agent, no password, no question, no unknown host, no forwarding, nothing of the user's own. What earlier
 * processes could not remove because they were killed is removed here.
 */
export async function writeSshFiles(
  credential: { readonly privateKey: string; readonly knownHosts: string | null } | null,
  connectTimeoutMs: number,
): Promise<SshFiles> {
  const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const space = processSpace();
  await sweep(parent, space);
  const directory = await mkdtemp(
    join(parent, `${prefix}${process.pid}.${startOf(process.pid) ?? "0"}.${space}.`),
  );
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    await chmod(directory, 0o700);
    const write = async (name: string, content: string) => {
      const path = join(directory, name);
      await writeFile(path, content, { mode: 0o600, flag: "wx" });
      return `"${path}"`;
    };
    const known = await write("known_hosts", withEnd(credential?.knownHosts ?? forgeKnownHosts()));
    const key = credential === null ? "none" : await write("key", withEnd(credential.privateKey));
    await write("config", configuration(key, known, connectTimeoutMs));
    return { config: join(directory, "config"), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Keys that went through a web form come with CR, or without the last line feed, and ssh takes neither. */
const withEnd = (text: string) => `${text.replace(/\r\n?/g, "\n").trim()}\n`;

function configuration(key: string, knownHosts: string, connectTimeoutMs: number): string {
  const settings = {
    User: "git",
    IdentityFile: key,
    IdentitiesOnly: "yes",
    IdentityAgent: "none",
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: "/dev/null",
    StrictHostKeyChecking: "yes",
    UpdateHostKeys: "no",
    VerifyHostKeyDNS: "no",
    BatchMode: "yes",
    PreferredAuthentications: "publickey",
    PasswordAuthentication: "no",
    KbdInteractiveAuthentication: "no",
    GSSAPIAuthentication: "no",
    HostbasedAuthentication: "no",
    ForwardAgent: "no",
    ForwardX11: "no",
    ClearAllForwardings: "yes",
    PermitLocalCommand: "no",
    ProxyCommand: "none",
    ControlPath: "none",
    ConnectTimeout: String(Math.max(1, Math.round(connectTimeoutMs / 1000))),
    ServerAliveInterval: "15",
    ServerAliveCountMax: "4",
    LogLevel: "ERROR",
  };
  const lines = Object.entries(settings).map(([name, value]) => `  ${name} ${value}\n`);
  return `Host *\n${lines.join("")}`;
}

async function sweep(parent: string, space: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const found = /^galley-ssh-(\d+)\.(\d+)\.([0-9a-f]+)\./.exec(name);
    if (found === null || found[3] !== space || startOf(Number(found[1])) === found[2]) continue;
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => {
      // Another user's.
    });
  }
}
