// OpenSSH's server from Debian's packages, on a free port of the loopback, with a user `git` of its own.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Unpacked, unpacked } from "./debian-tools.js";

const packages =
  "openssh-server openssh-client libssl3 libwrap0 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libkeyutils1 libcom-err2 libnsl2 libtirpc3";

export interface SshTools extends Unpacked {
  /** The ssh program. */
  readonly ssh: string;
}

export async function sshTools(): Promise<SshTools> {
  const tools = await unpacked("sshd", packages);
  return { ...tools, ssh: join(tools.folder, "usr/bin/ssh") };
}

export function makeKey(
  { folder, env }: SshTools,
  path: string,
  passphrase = "",
): { secret: string; open: string } {
  const program = join(folder, "usr/bin/ssh-keygen");
  execFileSync(program, ["-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", path], {
    env: { ...env, PATH: process.env.PATH },
  });
  return { secret: readFileSync(path, "utf8"), open: readFileSync(`${path}.pub`, "utf8").trim() };
}

export interface SshServer {
  readonly port: number;
  /** The server's line of a known_hosts file. */
  readonly knownHosts: string;
  close(): Promise<void>;
}

/**
 * Serves with the keys of `authorized` (lines of authorized_keys). The user `git` exists only in the server's own view of
 * /etc/passwd; it is root under another name, so that it may read what a test made.
 */
export async function serveSsh(
  tools: SshTools,
  directory: string,
  authorized: readonly string[],
): Promise<SshServer> {
  mkdirSync(directory, { mode: 0o755 });
  const host = makeKey(tools, join(directory, "host"));
  const port = await freePort();
  const users = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .filter((line) => line !== "" && !/^(sshd|git):/.test(line));
  users.push("sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin", `git:x:0:0::${directory}:/bin/sh`);
  writeFileSync(join(directory, "passwd"), `${users.join("\n")}\n`);
  writeFileSync(join(directory, "authorized"), `${authorized.join("\n")}\n`);
  const settings = [
    ...[`Port ${port}`, "ListenAddress 127.0.0.1", `HostKey ${directory}/host`, "PidFile none", "UsePAM no"],
    ...[`AuthorizedKeysFile ${directory}/authorized`, "StrictModes no", "AllowUsers git"],
    ...["PasswordAuthentication no", "KbdInteractiveAuthentication no", "AcceptEnv GIT_PROTOCOL"],
  ];
  writeFileSync(join(directory, "config"), `${settings.join("\n")}\n`);
  const inside = `mount --bind ${directory}/passwd /etc/passwd && mount -t tmpfs none /run && mkdir /run/sshd &&
    exec ${tools.folder}/usr/sbin/sshd -D -e -f ${directory}/config`;
  const server = spawn("unshare", ["-m", "sh", "-c", inside], {
    env: { ...tools.env, PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  server.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  for (const deadline = Date.now() + 20_000; !(await answers(port)); await wait(50)) {
    if (Date.now() > deadline || server.exitCode !== null) throw new Error(`sshd does not answer: ${said}`);
  }
  return {
    port,
    knownHosts: `[127.0.0.1]:${port} ${host.open}\n`,
    close: async () => {
      server.kill();
      if (server.exitCode === null) await once(server, "close");
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("data", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
