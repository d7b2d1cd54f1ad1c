import type { Writable } from "node:stream";
import { BuildKitError } from "../buildkit/index.js";
import { exitCode } from "./exit-codes.js";

/**
 * Prints what the frontend answered to `--check`, `--call outline` or `--call targets`. The frontend brings the text for people
 * (`result.txt`) and for programs (`result.json`) itself, and says by `result.statuscode` whether it found something.
 */
export function printAnswer(
  answer: Readonly<Record<string, Uint8Array>>,
  json: boolean,
  stdout: Writable,
): number {
  const text = answer[json ? "result.json" : "result.txt"];
  if (text === undefined) {
    throw new BuildKitError(
      "engine_unsupported",
      "This engine's Dockerfile frontend gives no answer to that.",
      {
        hint: "Docker Engine 28 answers --check and --call outline or targets.",
      },
    );
  }
  const written = Buffer.from(text).toString("utf8").trimEnd();
  stdout.write(written === "" ? "Check complete, no warnings found.\n" : `${written}\n`);
  const status = answer["result.statuscode"];
  return status !== undefined && Buffer.from(status).toString("utf8") !== "0" ? exitCode.failed : exitCode.ok;
}
