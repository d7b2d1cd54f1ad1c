import { GalleyError } from "../errors/index.js";
import { engineError, engineMessage, statusOf } from "./api-error.js";
import { familiarName, parseReference } from "./reference.js";

/** A pull or push that failed. */
export interface FailedTransfer {
  readonly direction: "pull" | "push";
  readonly name: string;
  /** Whether the registry was shown a login. */
  readonly withLogin: boolean;
}

/** Engines say the same thing in many words, and a registry that wants a login often says "may not exist" as well. */
const refusals = /denied|unauthorized|no basic auth|authentication required|authorization failed|forbidden/i;
const unknownLogin = /\b401\b|unauthorized|authentication required|incorrect username or password/i;
const denials = /\b403\b|\bdenied\b|forbidden|insufficient_scope/i;
const absences = /not found|manifest unknown|does not exist|no such image/i;

/**
 * What a transfer failed with: `image_login_required` where no login was shown, `image_login_refused` where the one that was is
 * not known, `image_pull_denied` and `image_push_denied` where it has no access, `image_not_found`, else `engine_error` with the
 * registry's words. An aborted call rethrows the signal's reason.
 */
export function transferError(failed: FailedTransfer, error: unknown, signal: AbortSignal): Error {
  const { direction, name, withLogin } = failed;
  const image = familiarName(name);
  const what = `image ${image} could not be ${direction === "pull" ? "pulled" : "pushed"}`;
  if (signal.aborted || statusOf(error) === undefined) return engineError(what, error, signal);
  const { registry, repository } = parseReference(name);
  const text = engineMessage(error);
  const login = registry === "docker.io" ? "docker login" : `docker login ${registry}`;
  if (refusals.test(text)) {
    if (!withLogin) {
      return new GalleyError("image_login_required", `${what}: ${registry} wants a login (${text})`, {
        hint: `Log in with an account that has access to ${repository}: ${login}. Or check the name: some registries answer so for one that does not exist.`,
        cause: error,
      });
    }
    if (unknownLogin.test(text) && !denials.test(text)) {
      return new GalleyError(
        "image_login_refused",
        `${what}: ${registry} does not accept the stored login (${text})`,
        { hint: `Log in again: ${login}.`, cause: error },
      );
    }
    const may = direction === "pull" ? "read" : "write to";
    return new GalleyError(
      direction === "pull" ? "image_pull_denied" : "image_push_denied",
      `${what}: the stored login of ${registry} may not ${may} ${repository} (${text})`,
      {
        hint: `Check the name, give the account access to ${repository}, or log in with another one: ${login}.`,
        cause: error,
      },
    );
  }
  if (absences.test(text)) {
    return new GalleyError("image_not_found", `${what}: there is no such image or tag (${text})`, {
      hint: `Check the name and the tag, and log in where ${repository} is private: ${login}.`,
      cause: error,
    });
  }
  return engineError(what, error, signal);
}
