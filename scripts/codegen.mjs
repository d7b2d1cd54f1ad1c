// Makes proto/gen/buildkit.js and .d.ts from the .proto files, offline, in about two seconds; does nothing when both are
// newer than what they are made of. `--force` makes them anyway.
//
// The code is pbjs's. The types are our own, because pbjs's have every field of a nested message optional and nullable,
// although decoding always fills it, and because extracting them takes four times as long as all the rest.
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { declarations } from "./codegen-types.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const source = join(root, "proto");
const output = join(source, "gen");
const targets = [join(output, "buildkit.js"), join(output, "buildkit.d.ts")];
const protos = readdirSync(source, { recursive: true })
  .filter((name) => name.endsWith(".proto"))
  .sort()
  .map((name) => join(source, name));

function upToDate() {
  const inputs = [
    ...protos,
    // A directory's time tells of removed files.
    ...new Set(protos.map(dirname)),
    fileURLToPath(import.meta.url),
    join(root, "scripts/codegen-types.mjs"),
    join(root, "node_modules/protobufjs/package.json"),
    join(root, "node_modules/protobufjs-cli/package.json"),
  ];
  const oldest = Math.min(...targets.map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0));
  return inputs.every((file) => statSync(file).mtimeMs < oldest);
}

if (process.argv.includes("--force") || !upToDate()) {
  const { default: protobuf } = await import("protobufjs");
  const { default: pbjs } = await import("protobufjs-cli/pbjs.js");
  const { transform } = await import("esbuild");

  const options = "--target static-module --wrap esm --root galley --force-long --path".split(" ");
  // What is left is a constructor, encode and decode. `create` is the constructor again, and messages are written as plain
  // objects; verify, fromObject and toObject are for input that is not typed.
  const without = "create verify convert delimited typeurl service comments beautify"
    .split(" ")
    .map((name) => `--no-${name}`);
  const code = await promisify(pbjs.main)([...options, source, ...without, ...protos]);
  // A third of the size and a fifth less time to load, which every start of the CLI pays.
  const { code: small } = await transform(code, { minify: true, format: "esm" });

  const types = new protobuf.Root();
  types.resolvePath = (_, target) => {
    const own = join(source, target);
    return statSync(own, { throwIfNoEntry: false }) ? own : target;
  };
  types
    .loadSync(
      protos.map((file) => file.slice(source.length + 1)),
      { alternateCommentMode: true },
    )
    .resolveAll();

  mkdirSync(output, { recursive: true });
  // Several may generate at once (checks, builds, tests): each reader sees one whole file.
  const write = (file, text) => {
    writeFileSync(`${file}.${process.pid}`, text);
    renameSync(`${file}.${process.pid}`, file);
  };
  write(targets[0], small);
  write(targets[1], declarations(types, protobuf));
}
