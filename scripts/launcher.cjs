#!/usr/bin/env node
// dist/cli/main.js: runs the bundle beside it with V8's code cache. Compiling the bundle takes longer than all that a short command
// does; Node 20 has no cache of its own for that (module.enableCompileCache came with 22). A cache of another V8 is refused by V8
// and the bundle compiled as ever.
"use strict";
const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { Script } = require("node:vm");

const filename = join(__dirname, "galley.cjs");
const cacheFile = `${filename}.cache`;
let cachedData;
try {
  cachedData = readFileSync(cacheFile);
} catch {
  // none was made
}
// One byte a character: half the memory of what UTF-8 would be decoded into, and faster.
const script = new Script(readFileSync(filename, "latin1"), { filename, cachedData });
if (process.env.GALLEY_WRITE_CODE_CACHE === "1") {
  // With what has been compiled until now; the build runs a command that loads what builds need.
  process.on("exit", () => writeFileSync(cacheFile, script.createCachedData()));
}
script.runInThisContext()(exports, require, module, filename, __dirname);
