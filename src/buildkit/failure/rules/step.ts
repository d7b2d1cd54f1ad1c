import type { Symptom } from "../symptom.js";
import { cut, unquote } from "../text.js";
import { atLines, type Rule } from "./rule.js";

const commandLimit = 1000;

/** The command and exit code of a RUN step, as far as the daemon tells. */
export interface Execution {
  readonly command?: string;
  readonly exitCode?: number;
}

/** Reads `process "/bin/sh -c npm ci" did not complete successfully: exit code: 1` and 20.10's form of the same. */
export function executionOf(symptom: Symptom): Execution | undefined {
  const match =
    /^process ("(?:[^"\\]|\\.)*") did not complete successfully: (.*)$/s.exec(symptom.message) ??
    /^executor failed running \[(.*)\]: (.*)$/s.exec(symptom.message);
  const code =
    symptom.details?.exitCode ?? Number(/exit code: (\d+)/.exec(match?.[2] ?? "")?.[1] ?? Number.NaN);
  if (match === null && symptom.details?.exitCode === undefined) return undefined;
  const command =
    match?.[1] === undefined ? undefined : unquote(match[1]).replace(/^\/bin\/(?:ba|da)?sh -c /, "");
  return {
    ...(command === undefined ? {} : { command: cut(command.trim(), commandLimit) }),
    ...(Number.isSafeInteger(code) ? { exitCode: code } : {}),
  };
}

const unstartable =
  /exec: "([^"]+)": (?:executable file not found in \$PATH|stat [^:]+: no such file or directory)|exec: "([^"]+)": permission denied/;

/** A RUN step that ended with an exit code, or could not be started. */
export const stepRule: Rule = (symptom) => {
  const execution = executionOf(symptom);
  // A killed step that was cancelled (20.10: "exit code: 137: context canceled") is no step that failed.
  if (execution === undefined || /context canceled$/.test(symptom.message)) return undefined;
  const code = execution.exitCode;
  const where = atLines(symptom);
  const step = symptom.vertex?.name
    ? `The step ${shortName(symptom.vertex.name)}`
    : "A step of the Dockerfile";
  const output = symptom.tail.slice(-20).join("\n");

  if (/no space left on device|disk quota exceeded|ENOSPC/i.test(`${symptom.message}\n${output}`)) {
    return {
      code: "disk_full",
      message: `${step} had no space left to write to${where}.`,
      hint: "Free space where the daemon keeps its data (`docker builder prune`, `docker image prune`), or enlarge the tmpfs or /dev/shm (`--shm-size`) if the step writes there.",
    };
  }
  if (code === 137 || /cannot allocate memory/i.test(symptom.message) || /heap out of memory/i.test(output)) {
    const heap = /heap out of memory/i.test(output);
    return {
      code: "out_of_memory",
      message: heap
        ? `${step} ran out of the memory that Node allows itself${where}.`
        : `${step} was killed${code === undefined ? "" : ` (exit code ${code})`}, most likely because memory ran out${where}.`,
      hint: heap
        ? "Raise Node's limit in the step (`NODE_OPTIONS=--max-old-space-size=4096`), if the machine has the memory."
        : "Give the daemon's machine more memory, build fewer services at once, or let the step use less (fewer parallel jobs).",
    };
  }
  const user = /unable to find (user|group) ([^:]+): /.exec(symptom.message);
  if (user !== null) {
    return failed(
      `${step} could not start: the image has no ${user[1]} ${user[2]}${where}.`,
      `Create the ${user[1]} in an earlier step, or correct the USER line.`,
    );
  }
  const start = unstartable.exec(output) ?? unstartable.exec(symptom.message);
  if (start?.[1] !== undefined || code === 127) {
    const name = start?.[1] ?? missingCommand(output);
    return failed(
      `${step} failed${where}: ${name === undefined ? "a command" : `the command ${name}`} was not found${exit(code)}.`,
      `Install ${name ?? "it"} in an earlier step, or check its spelling and PATH; a script with Windows line ends (CRLF) is not found, either.`,
    );
  }
  if (start?.[2] !== undefined || code === 126) {
    const name = start?.[2] ?? deniedCommand(output);
    return failed(
      `${step} failed${where}: ${name ?? "a command"} may not be executed${exit(code)}.`,
      "Make the file executable (`chmod +x`, `git update-index --chmod=+x`), or call it through its interpreter (`sh ./script`).",
    );
  }
  return failed(
    code === undefined ? `${step} failed${where}.` : `${step} failed with exit code ${code}${where}.`,
    outputHint(output, symptom.tail.length > 0),
  );
};

/** Any other step of the Dockerfile that failed without running a command: COPY, WORKDIR, ADD. */
export const otherStepRule: Rule = (symptom) => {
  const name = symptom.vertex?.name ?? "";
  if (!/^\[[^\]]*\d+\/\d+\] /.test(name)) return undefined;
  return failed(
    `The step ${shortName(name)} failed${atLines(symptom)}: ${symptom.message}.`,
    "Correct the instruction, or the files that it works on.",
  );
};

function failed(message: string, hint: string): { code: "step_failed"; message: string; hint: string } {
  return { code: "step_failed", message, hint };
}

function exit(code: number | undefined): string {
  return code === undefined ? "" : ` (exit code ${code})`;
}

/** busybox: `/bin/sh: x: not found`, dash: `/bin/sh: 1: x: not found`, bash: `/bin/bash: line 1: x: command not found`. */
function missingCommand(output: string): string | undefined {
  return lastMatch(output, /^\S*sh: (?:line )?(?:\d+: )?([^:\s]{1,100}): (?:command )?not found$/);
}

function deniedCommand(output: string): string | undefined {
  return lastMatch(output, /^\S*sh: (?:line )?(?:\d+: )?([^:\s]{1,100}): Permission denied$/i);
}

function lastMatch(output: string, pattern: RegExp): string | undefined {
  for (const line of output.split("\n").reverse()) {
    const name = pattern.exec(line)?.[1];
    if (name !== undefined) return name;
  }
  return undefined;
}

function outputHint(output: string, printed: boolean): string {
  if (
    /EAI_AGAIN|ENOTFOUND|could not resolve host|temporary failure (?:in name resolution|resolving)|bad address '/i.test(
      output,
    )
  ) {
    return "The step could not resolve a host's name: check the DNS and proxy settings of the daemon's machine.";
  }
  if (
    /npm (?:err!|error).*\bEUSAGE\b|can only install packages when your package\.json and package-lock\.json/i.test(
      output,
    )
  ) {
    return "package.json and package-lock.json do not agree: run `npm install` and commit both.";
  }
  return printed
    ? "The reason is in the last lines that the step printed."
    : "The step printed nothing: run its command by hand in the base image to see why it fails.";
}

/** A step's name for a sentence: one line, not too long. */
export function shortName(name: string): string {
  return cut(name.replace(/\s+/g, " ").trim(), 120);
}
