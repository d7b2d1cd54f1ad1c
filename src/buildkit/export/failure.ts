import { BuildKitError } from "../errors.js";

/** What went wrong on this machine while an export was received, as an error of this room. */
export function exportFailure(error: unknown, type: string): BuildKitError {
  if (error instanceof BuildKitError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new BuildKitError("disk_full", `No space is left on this machine for the ${type} export.`, {
      hint: "Free space on the disk of the destination, or choose another one with dest=.",
      cause: error,
    });
  }
  if (code === "EPIPE") {
    return new BuildKitError(
      "export_failed",
      `Whatever read the ${type} export stopped reading before its end.`,
      {
        hint: "Check the command behind the pipe.",
        cause: error,
      },
    );
  }
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new BuildKitError(
      "export_failed",
      `The destination of the ${type} export may not be written: ${message}`,
      {
        hint: "Choose a destination that you own with dest=.",
        cause: error,
      },
    );
  }
  const what = error instanceof Error ? message : String(error);
  return new BuildKitError("export_failed", `The ${type} export could not be written: ${what}`, {
    cause: error,
  });
}
