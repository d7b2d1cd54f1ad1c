import type { Command } from "commander";
import type { DoctorFlags } from "./flags/doctor-flags.js";

export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .summary("check the engine, BuildKit's features and the disk")
    .description("Looks at everything that `galley build` needs, and says what each finding means.")
    .option("--json", "one JSON document instead of the table")
    .option("--builder <address>", "another BuildKit, as with `galley build`")
    .addHelpText(
      "after",
      `
Examples:
  galley doctor
  DOCKER_HOST=ssh://me@server galley doctor
  galley doctor --json | jq '.checks[] | select(.state != "ok")'

Exit codes: 0 everything that a build needs is there, 1 something is missing, 2 wrong usage.`,
    )
    .action(async (flags: DoctorFlags) => {
      const { runDoctor } = await import("./run-doctor.js");
      process.exitCode = await runDoctor(flags, process);
    });
}
