import { z } from "zod";
import { safeName } from "../buildkit/index.js";
import { type Deployment, deploymentAnswer, logsAnswer } from "./api/answers.js";
import type { Api } from "./api/client.js";
import { followDeployment } from "./api/follow-deployment.js";
import { exitCode } from "./exit-codes.js";
import { findDeployment, findEnvironment } from "./find-deployment.js";
import { drained } from "./follow/drained.js";
import { progressSettings } from "./follow/follow-to-end.js";
import { InOrder } from "./follow/in-order.js";
import { type LogLine, LogLines } from "./follow/log-lines.js";
import { followUntilInterrupted } from "./follow/until-interrupted.js";
import { print } from "./print.js";
import { whereToLook } from "./run-deploy.js";
import { runRuntimeLogs } from "./run-env-runtime.js";
import { hasColor } from "./table.js";
import { usageError } from "./usage-error.js";
import { withServer } from "./with-server.js";

export interface EnvFollowFlags {
  progress?: string;
  cancelOnInterrupt?: boolean;
  json?: boolean;
}

export interface EnvLogsFlags {
  runtime?: boolean;
  since?: string;
  tail?: string;
  service?: string;
  follow?: boolean;
  json?: boolean;
}

/** Runs `galley env follow` and returns the exit code. */
export function runEnvFollow(name: string, flags: EnvFollowFlags, process: NodeJS.Process): Promise<number> {
  return withServer(process, flags, async (command) => {
    progressSettings(flags.progress, process);
    return followUntilInterrupted(command, await findDeployment(command.api, name), flags);
  });
}

/** Runs `galley env terminate` and returns the exit code. */
export function runEnvTerminate(
  name: string,
  flags: EnvFollowFlags & { follow?: boolean },
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async (command) => {
    if (flags.follow) progressSettings(flags.progress, process);
    const { id } = await findEnvironment(command.api, name);
    const { body } = await command.api.send(
      "POST",
      `/environments/${id}/terminate`,
      undefined,
      deploymentAnswer,
    );
    if (flags.follow) return followUntilInterrupted(command, body, flags);
    print(process, flags, body, () => `${body.id}\n`);
    if (!flags.json) process.stderr.write(whereToLook(body));
    return exitCode.ok;
  });
}

/** Runs `galley env logs` and returns the exit code. */
export function runEnvLogs(name: string, flags: EnvLogsFlags, process: NodeJS.Process): Promise<number> {
  if (flags.runtime) return runRuntimeLogs(name, flags, process);
  return withServer(process, flags, async ({ api, signal }) => {
    if (flags.since !== undefined || flags.tail !== undefined)
      throw usageError("--since and --tail go with --runtime.");
    const { stdout, env } = process;
    const lines = new LogLines({
      service: flags.service,
      json: flags.json === true,
      color: hasColor(stdout, env),
    });
    // Waits for a reader who is slower than the network.
    const write = async (text: string) => {
      if (text !== "" && !stdout.write(text)) await drained(stdout, signal);
    };
    const deployment = await findDeployment(api, name, {
      accepts: ({ kind, attempt }) => kind === "deploy" && (attempt > 0 || flags.follow === true),
      orElse: "has no deployment that an agent has begun with",
    });
    const { eventsRemovedAt } = deployment;
    if (eventsRemovedAt)
      process.stderr.write(
        `What the builds of ${safeName(deployment.id)} printed was removed on ${eventsRemovedAt.slice(0, 10)}: the server keeps it for a time ` +
          "(GALLEY_EVENTS_KEEP_DAYS, GALLEY_EVENTS_KEEP_COUNT). What runs now prints is shown with --runtime.\n",
      );
    if (flags.follow) await followLogs(api, deployment, signal, (line) => write(lines.format(line)));
    else await pages(api, deployment, flags.service, (line) => write(lines.format(line)));
    return exitCode.ok;
  });
}

type TakeLine = (line: LogLine) => Promise<void>;

async function pages(api: Api, { id }: Deployment, service: string | undefined, take: TakeLine) {
  const query = service === undefined ? "" : `&service=${encodeURIComponent(service)}`;
  for (let after = 0; ; ) {
    const page = await api.get(`/deployments/${id}/logs?limit=200&after=${after}${query}`, logsAnswer);
    for (const line of page.lines) await take(line);
    if (page.lines.length === 0 || page.next <= after) return;
    after = page.next;
  }
}

const logEvent = z.looseObject({
  type: z.literal("step.log"),
  service: z.string().nullable().default(null),
  lines: z.array(z.looseObject({ text: z.string(), at: z.string() })),
});

async function followLogs(api: Api, { id }: Deployment, signal: AbortSignal, take: TakeLine) {
  const order = new InOrder<{ attempt: number; seq: number; event: unknown }>();
  const show = async (events: readonly { event: unknown }[]) => {
    for (const { event } of events) {
      const log = logEvent.safeParse(event).data;
      for (const line of log?.lines ?? []) await take({ ...line, service: log?.service ?? null });
    }
  };
  for await (const told of followDeployment({ api, deployment: id, signal })) {
    if (told.kind !== "event") continue;
    const { attempt, seq } = told.event;
    if (typeof attempt === "number" && typeof seq === "number")
      await show(order.push({ attempt, seq, event: told.event }));
  }
  await show(order.giveUp());
}
