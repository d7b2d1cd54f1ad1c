import { spawn } from "node:child_process";
import type { RegistryCredentials } from "./docker-config.js";

const maxOutputBytes = 1024 * 1024;
/** What helpers print, exit code 1, when they know nothing of a registry (docker-credential-helpers' protocol). */
const notFound = "credentials not found in native keychain";
/** In place of a user name it says that the secret is an identity token. */
const tokenUser = "<token>";

/**
 * Asks `docker-credential-<helper> get`; the registry's name goes over stdin. Throws an error whose message holds nothing of
 * what the helper printed.
 */
export async function askHelper(
  helper: string,
  key: string,
  options: { signal: AbortSignal; env: Readonly<Record<string, string | undefined>> },
): Promise<RegistryCredentials> {
  // The name comes from a file: nothing but a name may become part of a program's.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(helper)) throw new TypeError("its name is not a helper's name");
  const { code, stdout } = await run(`docker-credential-${helper}`, key, options);
  if (code !== 0) {
    if (stdout.includes(notFound)) return { kind: "anonymous" };
    throw new TypeError(`it ended with exit code ${code}`);
  }
  return parseAnswer(stdout);
}

function parseAnswer(stdout: string): RegistryCredentials {
  let answer: unknown;
  try {
    answer = JSON.parse(stdout);
  } catch {
    throw new TypeError("its answer is not JSON");
  }
  const { Username: username, Secret: secret } = (answer ?? {}) as Record<string, unknown>;
  if (typeof secret !== "string" || secret === "" || typeof username !== "string")
    return { kind: "anonymous" };
  return username === tokenUser
    ? { kind: "identity", token: secret }
    : { kind: "password", username, password: secret };
}

function run(
  program: string,
  input: string,
  options: { signal: AbortSignal; env: Readonly<Record<string, string | undefined>> },
): Promise<{ code: number | null; stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["get"], {
      stdio: ["pipe", "pipe", "ignore"],
      signal: options.signal,
      killSignal: "SIGKILL",
      env: options.env as NodeJS.ProcessEnv,
    });
    const chunks: Buffer[] = [];
    let length = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxOutputBytes) child.kill("SIGKILL");
      else chunks.push(chunk);
    });
    // A helper that does not read its input closes the pipe: its exit code tells the rest.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.once("error", (cause: NodeJS.ErrnoException) => {
      const reason =
        cause.code === "ENOENT"
          ? "it is not installed"
          : cause.name === "AbortError"
            ? "it took too long"
            : "it did not start";
      reject(new TypeError(reason, { cause }));
    });
    child.once("close", (code) => resolve({ code, stdout: Buffer.concat(chunks).toString("utf8") }));
  });
}
