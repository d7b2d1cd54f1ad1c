import { formatBytes, safeName } from "../buildkit/index.js";
import { ago } from "./ago.js";
import { type Agent, agentsAnswer, newAgentAnswer } from "./api/answers.js";
import { confirm } from "./ask.js";
import { exitCode } from "./exit-codes.js";
import { findAgent } from "./find-agent.js";
import { print } from "./print.js";
import { table } from "./table.js";
import { toneOf } from "./tones.js";
import { withServer } from "./with-server.js";

/** Runs `galley agent new` and returns the exit code. */
export function runAgentNew(
  name: string,
  flags: { json?: boolean },
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async ({ api }) => {
    const { body } = await api.send("POST", "/agents", { name }, newAgentAnswer);
    giveToken(body, flags, process, `Made the agent ${safeName(name)}.`);
    return exitCode.ok;
  });
}

/** Runs `galley agent rotate` and returns the exit code. */
export function runAgentRotate(
  name: string,
  flags: { json?: boolean },
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async ({ api }) => {
    const { id } = await findAgent(api, name);
    const { body } = await api.send(
      "POST",
      `/agents/${encodeURIComponent(id)}/rotate`,
      undefined,
      newAgentAnswer,
    );
    const done = `The agent ${safeName(name)} has a new token; a running one goes on with what it holds.`;
    giveToken(body, flags, process, done);
    return exitCode.ok;
  });
}

function giveToken(
  answer: { agent: Agent; token: string },
  flags: { json?: boolean },
  process: NodeJS.Process,
  done: string,
): void {
  const until = answer.agent.token?.expiresAt;
  const end = until ? ` until ${until.slice(0, 16).replace("T", " ")} UTC` : "";
  if (!flags.json)
    process.stderr.write(
      `${done} This line belongs into its .env, and is shown this once; it can be used${safeName(end)}:\n`,
    );
  print(process, flags, answer, () => `GALLEY_AGENT_TOKEN=${answer.token}\n`);
}

/** Runs `galley agent ls` and returns the exit code. */
export function runAgentLs(flags: { json?: boolean }, process: NodeJS.Process): Promise<number> {
  return withServer(process, flags, async ({ api }) => {
    const { agents } = await api.get("/agents", agentsAnswer);
    const now = Date.now();
    print(process, flags, agents, (color) =>
      agents.length === 0
        ? "No agents. Make one with: galley agent new NAME\n"
        : table(
            ["NAME", "STATE", "SLOTS", "SEEN", "VERSION", "ENGINE", "DISK FREE"],
            agents.map((agent) => [
              { text: agent.name, tone: "strong" },
              { text: stateOf(agent), tone: toneOf(stateOf(agent)) },
              agent.seenAt === null ? "-" : `${agent.used} of ${agent.slots}`,
              ago(agent.seenAt, now),
              agent.version ?? "-",
              agent.engine?.version ?? "-",
              agent.disk ? formatBytes(agent.disk.free) : "-",
            ]),
            color,
          ),
    );
    return exitCode.ok;
  });
}

function stateOf({ online, draining, seenAt, token }: Agent): string {
  if (online) return draining ? "draining" : "online";
  if (seenAt !== null) return "offline";
  return token?.state === "expired" ? "token expired" : "never seen";
}

/** Runs `galley agent rm` and returns the exit code. */
export function runAgentRm(name: string, flags: { yes?: boolean }, process: NodeJS.Process): Promise<number> {
  return withServer(process, {}, async ({ api, signal }) => {
    const { id } = await findAgent(api, name);
    const question = `Revoke ${safeName(name)}? Its deployments fail, and what runs on its machine is left there.`;
    await confirm(question, { process, signal, yes: flags.yes === true });
    await api.send("DELETE", `/agents/${encodeURIComponent(id)}`);
    process.stdout.write(`Revoked ${safeName(name)}.\n`);
    return exitCode.ok;
  });
}
