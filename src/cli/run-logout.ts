import { GalleyError } from "../errors/index.js";
import { readLogins, serverUrl, writeLogins } from "./account/logins.js";
import { createApi } from "./api/client.js";
import { exitCode } from "./exit-codes.js";
import { interruptible } from "./with-server.js";

/** Runs `galley logout` and returns the exit code. The token is forgotten here even when the server cannot be told. */
export function runLogout(argument: string | undefined, process: NodeJS.Process): Promise<number> {
  return interruptible(process, {}, async (signal) => {
    const logins = await readLogins(process.env);
    const url = argument === undefined ? logins.current : serverUrl(argument);
    const login = url === null ? undefined : logins.servers[url];
    if (url === null || login === undefined)
      throw new GalleyError("unauthorized", `You are not signed in to ${url ?? "any server"}.`);
    const { [url]: _gone, ...servers } = logins.servers;
    await writeLogins(process.env, { current: logins.current === url ? null : logins.current, servers });
    if (login.tokenId !== null) {
      try {
        const api = createApi({ url, credential: { token: login.token }, signal });
        await api.send("DELETE", `/tokens/${encodeURIComponent(login.tokenId)}`);
      } catch (error) {
        if (!(error instanceof GalleyError)) throw error;
        // Revoked or expired already: that is what was wanted.
        if (error.code !== "unauthorized" && error.code !== "not_found")
          process.stderr.write(`warning: the token is forgotten here and not revoked: ${error.message}\n`);
      }
    }
    process.stdout.write(`Signed out of ${url}.\n`);
    return exitCode.ok;
  });
}
