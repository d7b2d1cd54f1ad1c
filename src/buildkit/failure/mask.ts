import type { SolveStatus } from "../progress/types.js";

const urlCredentials = /([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s/?#@"'`<>]{1,1024})@/gi;
const authorization = /\b(authorization:?\s{0,4}(?:basic|bearer|token)\s{1,4})[^\s"',;]+/gi;
const secretName = /token|secret|passw|credential|api_?key|private_?key|access_?key|auth/i;
const surelySecretName = /(?:token|secret|passw(?:or)?d|credentials?|(?:api|private|access)_?key)$/i;
const proxyName = /^build-arg:(https?|ftp|all)_proxy$/i;
const shortestSecret = 6;

export type Mask = (text: string) => string;

/** Masks what looks like a credential anywhere: the user part of a URL, the value of an Authorization header. */
export const maskCredentials: Mask = (text) =>
  text.replace(urlCredentials, "$1***@").replace(authorization, "$1***");

/**
 * The same, and the values of build arguments whose names say that they are secret. They ought to be build secrets, but
 * where somebody passes them as arguments the daemon writes them into step names and errors.
 */
export function maskFor(frontendAttrs: Readonly<Record<string, string>> = {}): Mask {
  const maskArguments = maskArgumentsOf(frontendAttrs, secretName);
  return maskArguments === undefined ? maskCredentials : (text) => maskCredentials(maskArguments(text));
}

/**
 * Masks only the values of such arguments, and passwords of proxies; undefined when there are none. Narrower than `maskFor` where
 * nothing has failed: names of steps with holes in them, for an AUTHOR or a TOKENIZER_VERSION, help nobody.
 */
export function maskArgumentsOf(
  frontendAttrs: Readonly<Record<string, string>> = {},
  secret: RegExp = surelySecretName,
): Mask | undefined {
  const secrets = Object.entries(frontendAttrs)
    .flatMap(([name, value]) => {
      if (!name.startsWith("build-arg:")) return [];
      if (secret.test(name)) return value.length >= shortestSecret ? [value] : [];
      return proxyName.test(name) ? proxySecrets(value) : [];
    })
    // The longer first, so that a secret that contains another one leaves nothing behind.
    .sort((a, b) => b.length - a.length);
  if (secrets.length === 0) return undefined;
  return (text) => secrets.reduce((masked, secret) => masked.replaceAll(secret, "***"), text);
}

/** Masks what the daemon writes of a step's arguments: into its name, and into its error. What the step prints is its own. */
export function maskSteps(status: SolveStatus, mask: Mask): SolveStatus {
  const vertexes = status.vertexes.map((vertex) => ({
    ...vertex,
    name: mask(vertex.name),
    ...(vertex.error === undefined ? {} : { error: mask(vertex.error) }),
  }));
  return { ...status, vertexes };
}

/** The user part of a proxy's address, and the password alone: a proxy may be written without `http://`. */
function proxySecrets(proxy: string): string[] {
  const user = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(.+)@/i.exec(proxy)?.[1];
  if (user === undefined) return [];
  const password = user.slice(user.indexOf(":") + 1);
  return [user, password, decode(password)].filter((secret) => secret.length >= shortestSecret);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
