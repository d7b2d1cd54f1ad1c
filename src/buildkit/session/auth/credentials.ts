import { abortAfter } from "../../deadline.js";
import { askHelper } from "./credential-helper.js";
import {
  authEntry,
  credentialsOf,
  type DockerConfig,
  helperFor,
  type RegistryCredentials,
} from "./docker-config.js";

/** Short of the five minutes that short-lived cloud credentials last. */
const keepMs = 290_000;
const helperTimeoutMs = 30_000;

/** Finds what to show a registry. Never rejects: what cannot be had is anonymous, and said through `onWarning`. */
export type FindCredentials = (host: string) => Promise<RegistryCredentials>;

export interface CredentialOptions {
  readonly config: DockerConfig;
  /** Hears a sentence for a person, without secrets, when a credential helper fails. */
  readonly onWarning?: ((warning: string) => void) | undefined;
  /** Environment of credential helpers; PATH finds them. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Answers are kept for 290 s, so that several calls of one build ask a helper once. */
export function credentialFinder(options: CredentialOptions): FindCredentials {
  const known = new Map<string, { until: number; credentials: Promise<RegistryCredentials> }>();
  return (host) => {
    const entry = known.get(host);
    if (entry && options.now() < entry.until) return entry.credentials;
    const credentials = find(host, options);
    known.set(host, { until: options.now() + keepMs, credentials });
    return credentials;
  };
}

async function find(
  host: string,
  { config, onWarning, env }: CredentialOptions,
): Promise<RegistryCredentials> {
  const helper = helperFor(config, host);
  if (helper) {
    try {
      // Not the call's signal: other calls wait for the same answer.
      const signal = abortAfter(helperTimeoutMs);
      const found = await askHelper(helper.helper, helper.key, { signal, env });
      if (found.kind !== "anonymous") return found;
    } catch (error) {
      const reason = error instanceof Error ? error.message : "it failed";
      onWarning?.(
        `The credential helper docker-credential-${helper.helper} gave no credentials for ${host}: ${reason}.`,
      );
    }
  }
  return credentialsOf(authEntry(config, host));
}
