import { hostname } from "node:os";
import { safeName } from "../buildkit/index.js";
import { GalleyError } from "../errors/index.js";
import { type Login, readLogins, serverUrl, writeLogins } from "./account/logins.js";
import { beginSession, endSession, setupNeeded } from "./account/session.js";
import { meAnswer, tokenAnswer } from "./api/answers.js";
import { type Api, createApi } from "./api/client.js";
import { ask, askSecret, canAsk, confirm, readSecret } from "./ask.js";
import { exitCode } from "./exit-codes.js";
import { print } from "./print.js";
import { usageError } from "./usage-error.js";
import { interruptible } from "./with-server.js";

export interface LoginFlags {
  email?: string;
  passwordStdin?: boolean;
  tokenStdin?: boolean;
  scope: string[];
  expires: string;
  setup?: boolean;
  json?: boolean;
}

const knownScopes = ["read", "deploy", "admin"];

/** Runs `galley login` and returns the exit code. */
export function runLogin(
  argument: string | undefined,
  flags: LoginFlags,
  process: NodeJS.Process,
): Promise<number> {
  return interruptible(process, flags, async (signal) => {
    const { env, stderr } = process;
    const scopes = flags.scope.length > 0 ? flags.scope : ["admin"];
    const wrong = scopes.find((scope) => !knownScopes.includes(scope));
    if (wrong !== undefined)
      throw usageError(`--scope ${wrong}: there is no such scope`, `Use ${knownScopes.join(", ")}.`);
    const days = Number(flags.expires);
    if (!/^\d{1,4}$/.test(flags.expires) || days < 1 || days > 3650)
      throw usageError(`--expires ${flags.expires}: not a number of days`, "Give a number from 1 to 3650.");
    if (flags.tokenStdin && (flags.passwordStdin || flags.email))
      throw usageError("--token-stdin needs neither an e-mail address nor a password.");
    const logins = await readLogins(env);
    const named = argument ?? (env.GALLEY_URL || logins.current);
    if (!named) throw usageError("Which server?", "Run `galley login URL`.");
    const url = serverUrl(named);
    if (url.startsWith("http:") && !isHere(url))
      stderr.write(
        `warning: ${url} is not encrypted: who listens on the way sees the password and the token\n`,
      );

    const login = flags.tokenStdin
      ? await bring(url, await readSecret(process, signal, "The token"), signal)
      : await make(url, { ...flags, scopes, days }, logins.servers[url], process, signal);
    await writeLogins(env, { current: url, servers: { ...logins.servers, [url]: login.kept } });
    const answer = { url, email: login.kept.email, scopes: login.scopes, expiresAt: login.expiresAt };
    print(process, flags, answer, () => {
      const until = login.expiresAt === null ? "" : `, until ${login.expiresAt.slice(0, 10)}`;
      return `Signed in to ${url} as ${safeName(login.kept.email)} (${login.scopes.map((scope) => safeName(scope)).join(", ")}${until}).\n`;
    });
    if (env.GALLEY_TOKEN) stderr.write("warning: GALLEY_TOKEN is set, and goes before this sign-in\n");
    return exitCode.ok;
  });
}

interface Made {
  readonly kept: Login;
  readonly scopes: readonly string[];
  readonly expiresAt: string | null;
}

const isHere = (url: string): boolean =>
  /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]|.*\.localhost)$/.test(new URL(url).hostname);

/** Takes a token that was made elsewhere. */
async function bring(url: string, token: string, signal: AbortSignal): Promise<Made> {
  if (!/^[\w-]{10,200}$/.test(token)) throw usageError("What came on stdin is no API token.");
  const { user, scopes } = await createApi({ url, credential: { token }, signal }).get("/me", meAnswer);
  return { kept: { token, tokenId: null, email: user.email }, scopes, expiresAt: null };
}

/** Signs in with a password, and makes a token that takes its place. */
async function make(
  url: string,
  flags: LoginFlags & { scopes: string[]; days: number },
  before: Login | undefined,
  process: NodeJS.Process,
  signal: AbortSignal,
): Promise<Made> {
  const anonymous = createApi({ url, signal });
  const first = await setupNeeded(anonymous);
  if (first)
    await confirm(`${url} has no user yet. Make its first administrator?`, {
      process,
      signal,
      yes: flags.setup === true,
    });
  const email = flags.email ?? (await askEmail(process, signal));
  const password = await askPassword(first, flags.passwordStdin === true, process, signal);
  const session = await beginSession(anonymous, { email, password, first });
  const api = createApi({ url, credential: { cookie: session.cookie }, signal });
  try {
    const { id, token, scopes, expiresAt } = await makeToken(api, flags);
    // The one that it takes the place of would be lying about unused.
    if (before?.tokenId) await revoke(api, before.tokenId);
    return { kept: { token, tokenId: id, email: session.email }, scopes, expiresAt };
  } finally {
    await leave(api, process);
  }
}

async function askEmail(process: NodeJS.Process, signal: AbortSignal): Promise<string> {
  if (!canAsk(process)) throw usageError("Who is to sign in?", "Give --email ADDRESS.");
  return (await ask("E-mail: ", { process, signal })).trim();
}

async function askPassword(
  first: boolean,
  stdin: boolean,
  process: NodeJS.Process,
  signal: AbortSignal,
): Promise<string> {
  if (!stdin && !canAsk(process))
    throw usageError(
      "There is no terminal to ask for the password.",
      "Give it on stdin with --password-stdin.",
    );
  const question = first ? "Password (at least 10 characters): " : "Password: ";
  const password = await askSecret(question, "The password", { process, signal, stdin });
  if (first && !stdin && (await ask("Password again: ", { process, signal, hidden: true })) !== password)
    throw usageError("The two passwords are not the same. Nothing was changed.");
  return password;
}

async function makeToken(api: Api, { scopes, days }: { scopes: string[]; days: number }) {
  const name = `galley on ${hostname()}`.slice(0, 80);
  for (let attempt = 1; ; attempt += 1) {
    try {
      // Names are unique, and the machine may have signed in before: by another file, or another login.
      const unique = attempt === 1 ? name : `${name}, ${new Date().toISOString()}`;
      const body = { name: unique, scopes, expiresInDays: days };
      return (await api.send("POST", "/tokens", body, tokenAnswer)).body;
    } catch (error) {
      if (!(error instanceof GalleyError) || error.code !== "conflict" || attempt > 1) throw error;
    }
  }
}

async function revoke(api: Api, id: string): Promise<void> {
  try {
    await api.send("DELETE", `/tokens/${encodeURIComponent(id)}`);
  } catch (error) {
    if (!(error instanceof GalleyError) || error.code !== "not_found") throw error;
  }
}

async function leave(api: Api, { stderr }: NodeJS.Process): Promise<void> {
  try {
    await endSession(api);
  } catch (error) {
    // The token is what counts; the session ends by itself.
    if (!(error instanceof GalleyError)) throw error;
    stderr.write("warning: the session of the sign-in could not be ended; it ends by itself\n");
  }
}
