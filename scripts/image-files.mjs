// node scripts/image-files.mjs FOLDER: what the images take of a build, as FOLDER/server and FOLDER/agent. The command's bundle, of
// node_modules what the bundle leaves out (and what that depends on) without types, source maps and documents, and for the server the
// dashboard. The Dockerfile runs it.
import { cpSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { residents } from "./residents.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const [folder] = process.argv.slice(2);
if (!folder) throw new Error("usage: node scripts/image-files.mjs FOLDER");

const manifestOf = (directory) => JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));

/** The directory in which Node finds a package that `from` asks for. */
function found(name, from) {
  for (let place = from; place.startsWith(root); place = dirname(place)) {
    const directory = join(place, "node_modules", name);
    if (existsSync(join(directory, "package.json"))) return directory;
  }
  return undefined;
}

/** Directories of packages and of all that they need. */
function closure(names) {
  const directories = new Set();
  const add = (name, from, optional) => {
    const directory = found(name, from);
    if (directory === undefined) {
      if (optional) return;
      throw new Error(`${name}, which ${relative(root, from)} needs, is not in node_modules`);
    }
    if (directories.has(directory)) return;
    directories.add(directory);
    const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = manifestOf(directory);
    for (const next of Object.keys(dependencies)) add(next, directory, next in optionalDependencies);
    // Of those that a package names for what it can also work with, the ones that are there.
    for (const next of Object.keys(peerDependencies))
      if (!next.startsWith("@types/")) add(next, directory, true);
  };
  for (const name of names) add(name, root, false);
  return directories;
}

const { dependencies } = manifestOf(root);
const named = (patterns) =>
  patterns.flatMap((pattern) =>
    pattern.endsWith("*")
      ? Object.keys(dependencies).filter((name) => name.startsWith(pattern.slice(0, -1)))
      : [pattern],
  );

/** Read by people and compilers; extensions of the embedded Postgres that Galley does not load. */
const unread =
  /\.(?:d\.[cm]?ts|[cm]?ts|map|md|markdown|flow)$|\/pglite\/dist\/(?:[^/]+\.tar\.gz|contrib|fs|worker|live)$/;

for (const [image, patterns] of Object.entries({
  agent: residents.agent,
  server: [...residents.agent, ...residents.server],
})) {
  const target = join(resolve(folder), image);
  mkdirSync(target, { recursive: true });
  for (const directory of closure(named(patterns)))
    cpSync(directory, join(target, relative(root, directory)), {
      recursive: true,
      // What is nested in it comes by itself, where it is needed.
      filter: (path) =>
        !unread.test(path) && !(path !== directory && path.startsWith(join(directory, "node_modules"))),
    });
  for (const path of [
    "package.json",
    "LICENSE",
    "dist/cli",
    ...(image === "server" ? ["dist/dashboard"] : []),
  ])
    cpSync(join(root, path), join(target, path), { recursive: true });
}
