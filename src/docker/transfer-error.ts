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
const otherMachines = /no matching manifest for|no match for platform in manifest/i;
const absences = /not found|manifest unknown|does not exist|no such image/i;
const limits = /\b429\b|too ?many ?requests|pull rate limit/i;
const unknownHosts = /no such host|server misbehaving|temporary failure in name resolution/i;
const mistrust = /x509:|certificate|gave HTTP response to HTTPS client|tls: (?!handshake)/i;
const unreachable =
  /connection refused|i\/o timeout|TLS handshake timeout|no route to host|network is unreachable|connection reset by peer|context deadline exceeded|Client\.Timeout|proxyconnect|unexpected EOF|: EOF$/i;

/**
 * What a transfer failed with: `image_login_required` where no login was shown, `image_login_refused` where the one that was is
 * not known, `image_pull_denied` and `image_push_denied` where it has no access, `image_not_found`, `image_platform_unsupported`, `image_rate_limited`,
 * `image_registry_untrusted` and `image_registry_unreachable` for a registry that cannot be talked to now, else `engine_error` with
 * the registry's words. An aborted call rethrows the signal's reason.
 */
export function transferError(failed: FailedTransfer, error: unknown, signal: AbortSignal): Error {
  const { direction, name, withLogin } = failed;
  const image = familiarName(name);
  const what = `image ${image} could not be ${direction === "pull" ? "pulled" : "pushed"}`;
  if (signal.aborted || statusOf(error) === undefined) return engineError(what, error, signal);
  const { registry, repository } = parseReference(name);
  const text = engineMessage(error);
  const login = registry === "docker.io" ? "docker login" : `docker login ${registry}`;
  // First: an engine that asked in vain adds what it would have wanted to find.
  const away = withoutRegistry(what, registry, text, error);
  if (away) return away;
  if (otherMachines.test(text)) {
    return new GalleyError(
      "image_platform_unsupported",
      `${what}: it is not there for the engine's machine (${text})`,
      { hint: "Name an image or a tag that is there for it.", cause: error },
    );
  }
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

/** The registry refuses to talk, or nobody answers at its address. */
function withoutRegistry(
  what: string,
  registry: string,
  text: string,
  cause: unknown,
): GalleyError | undefined {
  if (limits.test(text)) {
    return new GalleyError(
      "image_rate_limited",
      `${what}: ${registry} refuses more requests for now (${text})`,
      {
        hint: "Wait and deploy again, give the project a login of that registry, which has a higher limit, or give the engine a registry mirror.",
        cause,
      },
    );
  }
  if (unknownHosts.test(text)) {
    return new GalleyError("image_registry_unreachable", `${what}: ${registry} is not found (${text})`, {
      hint: "Check the registry's name, and the DNS settings of the machine that the engine runs on.",
      cause,
    });
  }
  if (mistrust.test(text)) {
    return new GalleyError(
      "image_registry_untrusted",
      `${what}: the engine does not trust ${registry} (${text})`,
      {
        hint: `Put the certificate of its authority under /etc/docker/certs.d/${registry}/ca.crt on the engine's machine, or list a registry without TLS under insecure-registries in the engine's configuration.`,
        cause,
      },
    );
  }
  if (!unreachable.test(text)) return undefined;
  return new GalleyError("image_registry_unreachable", `${what}: ${registry} does not answer (${text})`, {
    hint: "Check that the registry runs, and the network, firewall and proxy settings of the machine that the engine runs on.",
    cause,
  });
}
