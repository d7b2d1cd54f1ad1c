import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { docker as cli, type LabEngine } from "../support/engines.js";

/** Builds an image with this machine's own iptables on an engine that has busybox. */
export async function firewallImage(engine: LabEngine, tag: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "galley-firewall-image-"));
  try {
    const path = execFileSync("sh", ["-c", "PATH=$PATH:/usr/sbin:/sbin command -v iptables"])
      .toString()
      .trim();
    const program = realpathSync(path);
    const libraries = execFileSync("ldd", [program]).toString().match(/\/\S+/g) ?? [];
    // Its extensions are looked up where it was built to.
    const extensions = execFileSync("sh", [
      "-c",
      "ls -d /usr/lib/*/xtables /usr/lib/xtables /lib/xtables 2>/dev/null | head -1",
    ])
      .toString()
      .trim();
    const more = execFileSync("sh", [
      "-c",
      `ldd ${extensions}/*.so | grep -o '/[^ ]*' | grep '\\.so' | sort -u`,
    ]).toString();
    for (const library of new Set([...libraries, ...more.split("\n")])) {
      if (!library.startsWith("/") || library.includes(":")) continue;
      mkdirSync(join(folder, "root", dirname(library)), { recursive: true });
      copyFileSync(realpathSync(library), join(folder, "root", library));
    }
    mkdirSync(join(folder, "root", dirname(extensions)), { recursive: true });
    cpSync(extensions, join(folder, "root", extensions), { recursive: true, dereference: true });
    const bin = join(folder, "root/usr/sbin");
    mkdirSync(bin, { recursive: true });
    copyFileSync(program, join(bin, basename(program)));
    for (const name of ["iptables", "iptables-restore"]) symlinkSync(basename(program), join(bin, name));
    writeFileSync(
      join(folder, "Dockerfile"),
      "FROM busybox\nCOPY root /\nENV PATH=/usr/sbin:/bin:/usr/bin:/sbin\n",
    );
    await cli(engine, ["build", "-q", "-t", tag, folder]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
