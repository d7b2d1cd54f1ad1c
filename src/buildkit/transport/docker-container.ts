import { BuildKitError } from "../errors.js";
import { type Address, formatAddress } from "./address.js";
import { overDial } from "./buildkitd.js";
import { type Dial, dialAddress } from "./dial.js";
import { ExecStream } from "./docker-frames.js";
import { askEngine, type EngineAnswer, refusal, upgradeEngine } from "./engine-http.js";
import type { BuildKitTransport } from "./transport.js";

const command = ["buildctl", "dial-stdio"];

/**
 * A buildkitd that runs in a container: every connection is an exec of `buildctl dial-stdio` in it, whose stdio is the
 * gRPC connection.
 *
 * @throws BuildKitError daemon_unreachable when the container is not there or does not run, daemon_permission, cancelled
 */
export async function connectDockerContainer(
  container: string,
  docker: Address,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<BuildKitTransport> {
  const where = formatAddress(docker);
  const engine: Dial = (opening) => dialAddress(docker, { env }, opening);
  const state = await askEngine(
    engine,
    where,
    { method: "GET", path: `/containers/${container}/json` },
    signal,
  );
  if (state.status !== 200) throw noContainer(container, state);
  if (!isRunning(state.body)) {
    throw new BuildKitError("daemon_unreachable", `The container ${container} is not running`, {
      hint: `Start it: docker start ${container}`,
    });
  }
  const dial: Dial = async (opening) => {
    const created = await askEngine(
      engine,
      where,
      {
        method: "POST",
        path: `/containers/${container}/exec`,
        json: { AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: false, Cmd: command },
      },
      opening,
    );
    if (created.status !== 201) throw noContainer(container, created);
    const id = execId(created.body);
    const reply = await upgradeEngine(
      engine,
      where,
      "tcp",
      { method: "POST", path: `/exec/${id}/start`, json: { Detach: false, Tty: false } },
      opening,
    );
    const what = `\`${command.join(" ")}\` in the container ${container}`;
    if ("stream" in reply) return new ExecStream(reply.stream, what);
    throw new BuildKitError("daemon_unreachable", `${what} could not be started: ${refusal(reply)}`, {
      hint: "The container must be one of the image moby/buildkit.",
    });
  };
  return await overDial("docker-container", "exec", `docker-container://${container}`, dial, signal);
}

function noContainer(container: string, answer: EngineAnswer): BuildKitError {
  return new BuildKitError(
    "daemon_unreachable",
    `The container ${container} cannot be used for builds: ${refusal(answer)}`,
    { hint: "`docker ps` lists the running containers; `docker buildx create --use` makes such a builder." },
  );
}

function isRunning(body: string): boolean {
  try {
    return (JSON.parse(body) as { State?: { Running?: unknown } } | null)?.State?.Running === true;
  } catch {
    return false;
  }
}

function execId(body: string): string {
  let id: unknown;
  try {
    id = (JSON.parse(body) as { Id?: unknown } | null)?.Id;
  } catch {
    // Falls through to the refusal below.
  }
  // It becomes part of a path.
  if (typeof id === "string" && /^[0-9a-f]+$/.test(id)) return id;
  throw new BuildKitError("protocol_violation", "The engine answered the creation of an exec without its id");
}
