import { connect, Events, jwtAuthenticator, type NatsConnection, type Status } from "nats";
import { GalleyError } from "../errors/index.js";
import type { BusLog } from "./log.js";
import { isCertificateError, tlsSettings } from "./tls.js";
import { backoffMs, pause, within } from "./within.js";

export interface BusConnectionOptions {
  /** `nats://host:port` or `tls://host:port`, one or several of a cluster, without user or password. */
  readonly servers: string | readonly string[];
  /** The JWT to show at this and every later connect. Called again after {@link BusConnection.swapCredential}. */
  readonly credential: () => string;
  /** The nkey seed that belongs to it. */
  readonly seed: string;
  /** Prefix of the subjects on which replies arrive: `subjects.inbox(agent)` for an agent. */
  readonly inbox: string;
  /** As the bus's monitoring shows it. */
  readonly name: string;
  /**
   * File with the certificates, PEM, of the authorities that may have signed the bus's; read again at each connect. With it, as with
   * `tls://`, nothing is said to a server without TLS. Absent: the well-known authorities that Node brings.
   */
  readonly caFile?: string | undefined;
  readonly log: BusLog;
  /** Ends the wait for the first connection. */
  readonly signal: AbortSignal;
  /** Longest wait for the first connection. Default 30,000. */
  readonly connectTimeoutMs?: number;
}

/**
 * `lost`: nothing can be sent. `back`: connected again, subscriptions are there. `refused`: the bus does not accept the credential
 * (expired, revoked); it goes on trying with what `credential` gives.
 */
export type BusEvent = "lost" | "back" | "refused";

export interface BusConnection {
  /** For the files of this room alone. */
  readonly nats: NatsConnection;
  /** Prefix of its inboxes. */
  readonly inbox: string;
  readonly connected: boolean;
  /** Returns what ends it. A listener must not throw. */
  on(event: BusEvent, listener: () => void): () => void;
  /**
   * Connects anew with what `credential` gives now, in some 20 ms, and resolves when that is done. What was published without an
   * acknowledgement in between may be lost, so what matters has one. `bus_refused` when the new credential is not accepted,
   * `bus_unreachable` when there is no bus for 15 s.
   */
  swapCredential(signal?: AbortSignal): Promise<void>;
  /** Sends what is still to be sent, 5 s at most, and ends the connection. */
  close(): Promise<void>;
}

/** Every message of ours fits: batches are far smaller, a job with its secrets may be near. */
export const largestMessage = 1024 * 1024;
const dialTimeoutMs = 5_000;
const authErrors = ["AUTHORIZATION_VIOLATION", "AUTHENTICATION_EXPIRED", "ACCOUNT_EXPIRED"];

/**
 * Connects, and from then on reconnects by itself for ever.
 * @throws `bus_unreachable` when nobody answers in time, `bus_refused` when the credential is not accepted, `config_invalid`.
 */
export async function connectBus(options: BusConnectionOptions): Promise<BusConnection> {
  const { log, signal, caFile, connectTimeoutMs = 30_000 } = options;
  const servers = serverNames(options.servers);
  const where = servers.join(", ");
  const seed = new TextEncoder().encode(options.seed);
  const settings = {
    servers,
    name: options.name,
    inboxPrefix: options.inbox,
    // A credential that cannot be read now may be readable later; thrown here, it would end the connection for good.
    authenticator: jwtAuthenticator(() => {
      try {
        return options.credential();
      } catch (error) {
        log.error({ error: (error as Error).message }, "the bus credential cannot be read");
        return "";
      }
    }, seed),
    ...(await tlsSettings(servers, caFile)),
    timeout: dialTimeoutMs,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    reconnectJitter: 200,
    pingInterval: 10_000,
    maxPingOut: 2,
    // Without this, a second refusal in a row ends the connection for good.
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
  };
  const deadline = Date.now() + connectTimeoutMs;
  for (let failures = 0; ; failures += 1) {
    signal.throwIfAborted();
    // Not `waitOnFirstConnect`: it cannot be given up.
    const attempt = connect(settings);
    try {
      const timeoutMs = Math.max(1, deadline - Date.now());
      const late = () => new GalleyError("bus_unreachable", `The bus does not answer at ${where}.`);
      return follow(await within(attempt, { timeoutMs, signal, late }), where, options);
    } catch (error) {
      attempt.then(
        (late) => late.close(),
        () => {}, // told below
      );
      signal.throwIfAborted();
      const told = tell(error, where);
      if (told.code !== "bus_unreachable" || Date.now() >= deadline) throw told;
      await pause(Math.min(backoffMs(failures, 200, 2_000), deadline - Date.now()), signal);
    }
  }
}

function follow(nats: NatsConnection, where: string, options: BusConnectionOptions): BusConnection {
  const { inbox, log } = options;
  const most = nats.info?.max_payload ?? 0;
  if (most < largestMessage)
    throw new GalleyError("bus_refused", `The bus at ${where} takes messages of ${most} bytes at most.`, {
      hint: `Set max_payload of the nats-server to ${largestMessage} or more.`,
    });
  let connected = true;
  let refused = false;
  const listeners: Record<BusEvent, Set<() => void>> = {
    lost: new Set(),
    back: new Set(),
    refused: new Set(),
  };
  const emit = (event: BusEvent) => {
    for (const listener of [...listeners[event]]) listener();
  };
  const on = (event: BusEvent, listener: () => void) => {
    listeners[event].add(listener);
    return () => void listeners[event].delete(listener);
  };
  const hear = (status: Status) => {
    if (status.type === Events.Disconnect && connected) {
      connected = false;
      log.warn({ server: where }, "the connection to the bus is lost");
      emit("lost");
    } else if (status.type === Events.Reconnect) {
      const again = !connected;
      connected = true;
      refused = false;
      log.info({ server: where }, "connected to the bus again");
      if (again) emit("back");
    } else if (status.type === Events.Error) {
      const code = String(status.data);
      if (status.permissionContext) log.error({ ...status.permissionContext }, "the bus does not allow this");
      if (!authErrors.includes(code) || refused) return;
      refused = true;
      log.error({ server: where, code }, "the bus refuses the credential");
      emit("refused");
    }
  };
  const heard = (async () => {
    for await (const status of nats.status()) hear(status);
  })();
  heard.catch((error: unknown) =>
    log.error({ error: String(error) }, "the bus's states are no longer heard"),
  );

  return {
    nats,
    inbox,
    get connected() {
      return connected && !nats.isClosed();
    },
    on,
    swapCredential: async (signal) => {
      const ends: (() => void)[] = [];
      const done = new Promise<void>((resolve, reject) => {
        ends.push(on("back", resolve));
        ends.push(
          on("refused", () =>
            reject(new GalleyError("bus_refused", `The bus at ${where} refuses the credential.`)),
          ),
        );
      });
      const late = () => new GalleyError("bus_unreachable", `The bus at ${where} was not reached again.`);
      try {
        // What is on its way arrives; when the bus is away, there is nothing to keep.
        if (connected) await within(nats.flush(), { timeoutMs: 2_000, signal, late }).catch(() => {});
        await Promise.all([within(done, { timeoutMs: 15_000, signal, late }), nats.reconnect()]);
      } finally {
        for (const end of ends) end();
      }
    },
    close: async () => {
      if (nats.isClosed()) return;
      const late = () => new GalleyError("bus_unreachable", "The bus did not take what was left in time.");
      try {
        if (connected) await within(nats.drain(), { timeoutMs: 5_000, late });
      } catch (error) {
        log.warn({ error: (error as Error).message }, "the connection to the bus ended with messages unsent");
      } finally {
        await nats.close();
      }
    },
  };
}

/** Refuses what a person may have meant but which would put a password into logs. */
function serverNames(servers: string | readonly string[]): string[] {
  const names = (typeof servers === "string" ? servers.split(",") : servers).map((name) => name.trim());
  for (const name of names) {
    const url = URL.canParse(name) ? new URL(name) : undefined;
    if (!url || !["nats:", "tls:"].includes(url.protocol) || url.hostname === "")
      throw new GalleyError("config_invalid", "The bus's address is not like nats://host:4222.");
    if (url.username || url.password)
      throw new GalleyError("config_invalid", "The bus's address must not contain a user or password.");
  }
  return names;
}

function tell(error: unknown, where: string): GalleyError {
  if (error instanceof GalleyError) return error;
  const { code = "", message = "" } = error as { code?: string; message?: string };
  if (authErrors.includes(code) || code === "AUTHENTICATION_TIMEOUT")
    return new GalleyError("bus_refused", `The bus at ${where} refuses the credential.`, {
      hint: "It may have expired or been revoked, or the bus was set up with other keys.",
      cause: error,
    });
  if (code === "SERVER_OPT_NA")
    return new GalleyError("bus_refused", `The bus at ${where} speaks no TLS.`, {
      hint: "Give its nats-server a certificate, or use nats:// and no GALLEY_NATS_CA.",
      cause: error,
    });
  if (isCertificateError(error))
    return new GalleyError(
      "bus_refused",
      `The certificate of the bus at ${where} is not accepted: ${message}.`,
      {
        hint: "Set GALLEY_NATS_CA to a file with the certificate of the authority that has signed it, and see that it is for the host's name.",
        cause: error,
      },
    );
  const reason =
    code === "CONNECTION_REFUSED" ? "nobody listens" : code === "TIMEOUT" ? "no answer in time" : message;
  return new GalleyError("bus_unreachable", `The bus does not answer at ${where}: ${reason}.`, {
    hint: "Is a nats-server running there, and can this machine reach it?",
    cause: error,
  });
}
