import type { Command } from "commander";
import type { CheckFlags } from "./run-check.js";

export function registerCheck(program: Command): void {
  program
    .command("check")
    .summary("show what a repository's galley.yml or compose file becomes")
    .description(
      "Reads the manifest of a directory, or of a commit of a local repository, as a deployment would: galley.yml, else a compose file, else a Dockerfile, else a language that is recognised. Prints the services, what is left out and every problem with its place. Needs no engine and no server.",
    )
    .argument("[path]", "a directory, or REPOSITORY#REF for a commit (which is what a deployment reads)", ".")
    .option("--json", "the manifest as one JSON document")
    .option("--schema", "print the JSON schema of galley.yml, for editors, and read nothing")
    .addHelpText(
      "after",
      `
Examples:
  galley check
  galley check ./shop.git#refs/pull/7/head
  galley check --json | jq '.services[].name'
  galley check --schema > galley.schema.json

Exit codes: 0 the manifest is good, with or without warnings; 1 there is none; 2 it has problems, or wrong usage.`,
    )
    .action(async (path: string, flags: CheckFlags) => {
      const { runCheck } = await import("./run-check.js");
      process.exitCode = await runCheck(path, flags, process);
    });
}
