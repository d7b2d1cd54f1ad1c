/** What says which engine a program talks to, in the environment of everything that speaks with one. */
const names = [
  "DOCKER_HOST",
  "DOCKER_CONTEXT",
  "DOCKER_CONFIG",
  "DOCKER_TLS",
  "DOCKER_TLS_VERIFY",
  "DOCKER_CERT_PATH",
] as const;

/** What of the environment has chosen the engine; empty: the default one. */
export const engineOf = (env: NodeJS.ProcessEnv): Readonly<Record<string, string>> =>
  Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));

/** The environment with that engine in the place of its own. */
export function withEngine(
  env: NodeJS.ProcessEnv,
  engine: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv {
  const others = Object.entries(env).filter(([name]) => !(names as readonly string[]).includes(name));
  return { ...Object.fromEntries(others), ...engine };
}
