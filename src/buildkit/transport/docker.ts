import type { Duplex } from "node:stream";
import { BuildKitError } from "../errors.js";
import type { SessionHeaders } from "../session/index.js";
import { type Address, formatAddress } from "./address.js";
import { engineKeepalive, openChannels } from "./channels.js";
import { type Dial, dialAddress } from "./dial.js";
import { askEngine, refusal, upgradeEngine } from "./engine-http.js";
import { probeHttp2 } from "./http2-probe.js";
import { insecureRegistries } from "./insecure-registries.js";
import { openSessionTunnel } from "./session-tunnel.js";
import type { BuildKitTransport, EngineFacts } from "./transport.js";

/** The engine's API from which it speaks gRPC on its socket without an upgrade (moby 29). */
const directFrom = 53;
/** `/grpc` and `/session` are deprecated from 1.53 on: asked for in the last version that knows them for certain. */
const newestUpgrade = 52;
const prefaceTimeoutMs = 3000;

/**
 * The BuildKit inside a Docker Engine. Asks `/version` first, so that an engine that is not there, or not ours to use, is
 * a clear error at once.
 *
 * @throws BuildKitError daemon_unreachable, daemon_permission, engine_unsupported, cancelled
 */
export async function connectDocker(
  address: Address,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<BuildKitTransport> {
  const where = formatAddress(address);
  const dial: Dial = (opening) => dialAddress(address, { env }, opening);
  const dialHttp2: Dial = (opening) => dialAddress(address, { env, alpn: "h2" }, opening);
  const engine = await askFacts(dial, where, signal);
  const minor = minorOf(engine.apiVersion);
  const direct = minor >= directFrom && (await speaksHttp2(dialHttp2, where, signal));
  const prefix = `/v1.${Math.min(minor, newestUpgrade)}`;

  const upgraded = async (path: string, headers: Record<string, string | string[]>, opening: AbortSignal) => {
    const reply = await upgradeEngine(
      dial,
      where,
      "h2c",
      { method: "POST", path: `${prefix}${path}`, headers },
      opening,
    );
    if ("stream" in reply) return reply.stream;
    throw upgradeRefused(path, refusal(reply), where);
  };
  const channels = direct
    ? await openChannels(dialHttp2, engineKeepalive)
    : await openChannels((opening) => upgraded("/grpc", {}, opening), engineKeepalive);
  const sessions = new Set<Duplex>();

  return {
    kind: "docker",
    route: direct ? "direct" : "upgrade",
    where,
    engine,
    async insecureRegistries(asking) {
      const answer = await askEngine(dial, where, { method: "GET", path: `${prefix}/info` }, asking);
      return insecureRegistries(answer.status === 200 ? parseObject(answer.body) : undefined);
    },
    grpcClient: () => channels.shared(),
    openChannel: (keepalive) => channels.open(keepalive),
    async openSession(headers, opening) {
      if (direct) {
        const channel = channels.open();
        return openSessionTunnel(channel.client, headers, () => channel.close());
      }
      const stream = await upgraded("/session", sessionHeaders(headers), opening);
      sessions.add(stream);
      stream.once("close", () => sessions.delete(stream));
      return stream;
    },
    close() {
      channels.close();
      for (const stream of sessions) stream.destroy();
    },
  };
}

/** Header names of `POST /session`; Moby hands them on as they are. */
function sessionHeaders(headers: SessionHeaders): Record<string, string | string[]> {
  return {
    "X-Docker-Expose-Session-Uuid": headers.uuid,
    "X-Docker-Expose-Session-Name": headers.name,
    "X-Docker-Expose-Session-Sharedkey": headers.sharedKey,
    "X-Docker-Expose-Session-Grpc-Method": [...headers.methods],
  };
}

async function askFacts(dial: Dial, where: string, signal: AbortSignal): Promise<EngineFacts> {
  const answer = await askEngine(dial, where, { method: "GET", path: "/version" }, signal);
  if (answer.status === 200) {
    const found = parseObject(answer.body);
    const text = (key: string) => (typeof found[key] === "string" ? (found[key] as string) : "");
    if (/^1\.\d+$/.test(text("ApiVersion"))) {
      return { version: text("Version"), apiVersion: text("ApiVersion"), os: text("Os"), arch: text("Arch") };
    }
  }
  // Some socket proxies let only the ping through.
  const ping = await askEngine(dial, where, { method: "GET", path: "/_ping" }, signal);
  const apiVersion = ping.headers["api-version"];
  if (ping.status !== 200 || typeof apiVersion !== "string" || !/^1\.\d+$/.test(apiVersion)) {
    throw new BuildKitError(
      "daemon_unreachable",
      `No Docker Engine answers at ${where}: ${refusal(answer)}`,
      {
        hint: "Check that this is the address of a Docker Engine. For a buildkitd write unix:// or tcp:// as the builder.",
      },
    );
  }
  const version = /^Docker\/(\S+)/.exec(String(ping.headers.server ?? ""))?.[1] ?? "";
  const os = ping.headers.ostype;
  return { version, apiVersion, os: typeof os === "string" ? os : "", arch: "" };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function minorOf(apiVersion: string): number {
  return Number(apiVersion.slice("1.".length));
}

function upgradeRefused(path: string, said: string, where: string): BuildKitError {
  return new BuildKitError("engine_unsupported", `The engine at ${where} refused ${path}: ${said}`, {
    hint: "BuildKit needs Docker Engine 20.10 or newer; a proxy in front of the socket must let /grpc and /session through.",
  });
}

/** Whether HTTP/2 is answered without an upgrade. An engine that offers it but sits behind an HTTP/1 proxy says no. */
async function speaksHttp2(dial: Dial, where: string, signal: AbortSignal): Promise<boolean> {
  try {
    await probeHttp2(dial, where, prefaceTimeoutMs, signal);
    return true;
  } catch (error) {
    if (signal.aborted) throw error;
    return false;
  }
}
