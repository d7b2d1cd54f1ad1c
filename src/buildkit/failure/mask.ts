const urlCredentials = /([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s/?#@"'`<>]{1,1024})@/gi;
const authorization = /\b(authorization:?\s{0,4}(?:basic|bearer|token)\s{1,4})[^\s"',;]+/gi;
const secretName = /token|secret|passw|credential|api_?key|private_?key|access_?key|auth/i;
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
  const secrets = Object.entries(frontendAttrs)
    .filter(
      ([name, value]) =>
        name.startsWith("build-arg:") && secretName.test(name) && value.length >= shortestSecret,
    )
    .map(([, value]) => value)
    // The longer first, so that a secret that contains another one leaves nothing behind.
    .sort((a, b) => b.length - a.length);
  if (secrets.length === 0) return maskCredentials;
  return (text) =>
    maskCredentials(secrets.reduce((masked, secret) => masked.replaceAll(secret, "***"), text));
}
