import { setTimeout as delay } from "node:timers/promises";
import { GalleyError } from "../errors/index.js";
import { until } from "./ago.js";
import { environmentAnswer } from "./api/answers.js";
import { exitCode } from "./exit-codes.js";
import { findEnvironment } from "./find-deployment.js";
import { plainText } from "./plain-text.js";
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

/** Milliseconds between looks. */
const lookMs = 500;

/** Runs `galley env hibernate` or `wake` and returns the exit code. */
export function runEnvRest(
  change: "hibernate" | "wake",
  name: string,
  flags: { wait?: boolean; json?: boolean },
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async ({ api, signal }) => {
    const { id, project, name: environment } = await findEnvironment(api, name);
    const asked = await api.send("POST", `/environments/${id}/${change}`, undefined, environmentAnswer);
    let now = asked.body;
    const [state, desired] = change === "wake" ? ["running", "up"] : ["hibernating", "asleep"];
    while (flags.wait && now.state !== state && now.desired === desired) {
      await delay(lookMs, undefined, { signal });
      now = await api.get(`/environments/${id}`, environmentAnswer);
    }
    if (flags.wait && now.state !== state) {
      const { message, hint } = now.problem ?? {
        message: "something else was asked of it meanwhile",
        hint: null,
      };
      throw new GalleyError(
        "container_failed",
        `${project}/${environment} is ${now.state}: ${plainText(message)}`,
        {
          hint: hint === null ? undefined : plainText(hint),
        },
      );
    }
    print(process, flags, now, () => {
      const done = now.state === state;
      const doing = change === "wake" ? "is being woken" : "is being hibernated";
      return `${project}/${environment} ${done ? (change === "wake" ? "runs" : "hibernates") : doing}.\n`;
    });
    return exitCode.ok;
  });
}
