// Run after `npm install` where the registry serves only this machine's platform: npm then leaves the packages of other platforms
// out of package-lock.json, and `npm ci` calls the lock out of step everywhere. Adds what optionalDependencies name and is missing.
import { readFileSync, writeFileSync } from "node:fs";

const systems = [
  "android",
  "darwin",
  "freebsd",
  "linux",
  "win32",
  "openharmony",
  "netbsd",
  "openbsd",
  "sunos",
  "aix",
  "wasm32",
];
const processors = ["arm64", "x64", "ia32", "arm", "ppc64", "riscv64", "s390x", "loong64", "mips64el"];
const file = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));
let added = 0;
for (const [path, { optionalDependencies = {} }] of Object.entries({ ...lock.packages })) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const place = `node_modules/${name}`;
    if (lock.packages[place] || lock.packages[`${path}/${place}`] || !/^\d/.test(version)) continue;
    const os = systems.find((system) => name.includes(system));
    if (!os) continue;
    const [cpu] = processors
      .filter((processor) => name.includes(`-${processor}`))
      .sort((a, b) => b.length - a.length);
    const libc = os === "linux" && /musl|gnu/.exec(name)?.[0];
    lock.packages[place] = {
      version,
      ...(cpu ? { cpu: [cpu] } : {}),
      dev: true,
      ...(libc ? { libc: [libc === "musl" ? "musl" : "glibc"] } : {}),
      optional: true,
      os: [os],
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en")),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} packages of other platforms added`);
