import { meAnswer } from "./api/answers.js";
import { exitCode } from "./exit-codes.js";
import { print } from "./print.js";
import { sheet } from "./table.js";
import { withServer } from "./with-server.js";

/** Runs `galley whoami` and returns the exit code. */
export function runWhoami(flags: { json?: boolean }, process: NodeJS.Process): Promise<number> {
  return withServer(process, flags, async ({ api }) => {
    const me = await api.get("/me", meAnswer);
    print(process, flags, { url: api.url, ...me }, (color) =>
      sheet(
        [
          ["server", api.url],
          ["user", { text: me.user.email, tone: "strong" }],
          [me.kind, me.kind === "token" ? me.name : null],
          ["may", me.scopes.join(", ")],
        ],
        color,
      ),
    );
    return exitCode.ok;
  });
}
