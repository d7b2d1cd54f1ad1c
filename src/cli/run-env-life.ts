import { until } from "./ago.js";
import { environmentAnswer } from "./api/answers.js";
import { exitCode } from "./exit-codes.js";
import { findEnvironment } from "./find-deployment.js";
import { print } from "./print.js";
import { withServer } from "./with-server.js";

/** Runs `galley env pin`, `unpin` or `extend` and returns the exit code. */
export function runEnvLife(
  change: "pin" | "unpin" | "extend",
  name: string,
  flags: { for?: string; json?: boolean },
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async ({ api }) => {
    const { id, project, name: environment } = await findEnvironment(api, name);
    const body = change === "extend" ? { for: flags.for ?? null } : undefined;
    const { body: changed } = await api.send(
      "POST",
      `/environments/${id}/${change}`,
      body,
      environmentAnswer,
    );
    print(process, flags, changed, () => {
      const { pinned, expiresAt } = changed;
      const when =
        expiresAt === null
          ? "does not expire"
          : pinned
            ? "does not expire while it is pinned"
            : `expires ${until(expiresAt, Date.now())}`;
      return `${project}/${environment} ${when}.\n`;
    });
    return exitCode.ok;
  });
}
