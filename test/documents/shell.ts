// A shell as a reader of the documents has it: a home and a folder of their own, `galley` on the PATH, an engine.
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LabEngine } from "../support/engines.js";
import { main } from "../support/galley.js";

export interface TypeOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** On a terminal: what is answered to which question. */
  readonly answers?: readonly (readonly [question: string, answer: string])[];
  /** Default: the shell's folder. */
  readonly cwd?: string;
  /** It goes on until it is told to end: when it has said this, and what is to be done meanwhile is done. */
  readonly until?: { readonly said: string; readonly meanwhile?: () => Promise<void> };
}

export interface Shell {
  readonly folder: string;
  /** Runs a line and resolves with what it printed; rejects when it fails. */
  type(line: string, options?: TypeOptions): Promise<string>;
}

/** Milliseconds; what a reader types here takes seconds, and a whole build beside two other tests minutes. */
const patience = 480_000;

export function openShell(root: string, engine: LabEngine): Shell {
  const [bin, home, folder] = ["bin", "home", "work"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  for (const made of [bin, home, folder]) mkdirSync(made, { recursive: true });
  const program = (name: string, text: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  program("galley", `exec "${process.execPath}" "${main}" "$@"`);
  // Another host with an engine is this one.
  const far = JSON.stringify(engine.dockerHost.replace(/^unix:\/\//, ""));
  const connected = `const far = require("node:net").connect(${far});
process.stdin.pipe(far).pipe(process.stdout); far.on("close", () => process.exit(0));`;
  program("ssh", `exec "${process.execPath}" -e '${connected}'`);
  const own = {
    PATH: `${bin}:${engine.path}`,
    HOME: home,
    DOCKER_HOST: engine.dockerHost,
    DOCKER_CONFIG: engine.dockerConfig,
    ...(process.env.GALLEY_LAB_DIR ? { GALLEY_LAB_DIR: process.env.GALLEY_LAB_DIR } : {}),
  };
  /** How this machine reaches registries, and where its lab is: for scripts of a clone. */
  const machine = Object.fromEntries(
    Object.entries(process.env).filter(([name]) =>
      /^(NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|(https?|no)_proxy|npm_config_(registry|cache|userconfig)|GALLEY_TEST_DOCKER_HOST|LAB_REGISTRY_\w+|DEBIAN_MIRROR)$/i.test(
        name,
      ),
    ),
  );
  return {
    folder,
    type: (line, { env, answers, cwd = folder, until } = {}) =>
      new Promise((resolve, reject) => {
        // `script` (util-linux) gives a terminal, and types there what comes on stdin.
        const [command, args] = answers
          ? (["script", ["-qec", line, "/dev/null"]] as const)
          : (["bash", ["--norc", "-euo", "pipefail", "-c", until ? `exec env ${line}` : line]] as const);
        const child = spawn(command, args, {
          cwd,
          // What scripts of the clone need of the lab is there, in the home of who runs the tests.
          env: {
            ...own,
            ...(cwd === folder ? {} : { ...machine, HOME: process.env.HOME }),
            ...(answers ? { TERM: "xterm", SHELL: "/bin/bash" } : {}),
            ...env,
          },
          stdio: ["pipe", "pipe", "pipe"],
        });
        let said = "";
        let printed = "";
        let told = false;
        const questions = [...(answers ?? [])];
        const heard = (text: string) => {
          said += text;
          const [next] = questions;
          if (next && said.includes(next[0])) {
            questions.shift();
            said = "";
            child.stdin.write(`${next[1]}\r`);
          }
          if (until && !told && said.includes(until.said)) {
            told = true;
            Promise.resolve(until.meanwhile?.())
              .catch(reject)
              .finally(() => child.kill("SIGTERM"));
          }
        };
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
          printed += text;
          heard(text);
        });
        child.stderr.setEncoding("utf8").on("data", heard);
        child.stdin.on("error", () => {}); // it may end before it has read all
        if (!answers) child.stdin.end();
        const late = setTimeout(() => child.kill("SIGKILL"), patience);
        child.on("error", reject);
        child.on("close", (code) => {
          clearTimeout(late);
          const done = until ? told : code === 0;
          if (done && questions.length === 0) resolve(printed);
          else reject(new Error(`$ ${line}\nended with ${code}:\n${said}`));
        });
      }),
  };
}
