import { BuildKitError } from "../errors.js";

/** Certificates of a TLS connection, as PEM bytes. Without `ca` the system's roots decide. */
export interface TlsMaterial {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** Name the server's certificate must carry. Default: the host that is dialled. */
  readonly serverName?: string;
  /** Accept any certificate (docker's `--tls` without `--tlsverify`, `SkipTLSVerify` of a context). */
  readonly skipVerify?: boolean;
}

/** Where a byte stream to a daemon can be had. */
export type Address =
  | { readonly type: "unix"; readonly path: string }
  | { readonly type: "tcp"; readonly host: string; readonly port: number; readonly tls?: TlsMaterial }
  /** A Docker Engine behind ssh: the stream is the stdio of `docker system dial-stdio` on that host. */
  | {
      readonly type: "ssh";
      readonly host: string;
      readonly user?: string;
      readonly port?: number;
      /** The engine's socket on that host; default: what `docker` uses there. */
      readonly socketPath?: string;
    };

/** The address as a person would write it. Never holds certificates or passwords. */
export function formatAddress(address: Address): string {
  switch (address.type) {
    case "unix":
      return `unix://${address.path}`;
    case "tcp":
      return `tcp://${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
    case "ssh":
      return `ssh://${address.user === undefined ? "" : `${address.user}@`}${address.host}${address.port === undefined ? "" : `:${address.port}`}${address.socketPath ?? ""}`;
  }
}

/**
 * Reads `unix://PATH`, `tcp://HOST:PORT` or `ssh://[USER@]HOST[:PORT][/PATH]`.
 *
 * @param defaultPort used for a tcp address that names none
 * @throws BuildKitError option_invalid, with the accepted forms
 */
export function parseAddress(text: string, defaultPort: number, tls?: TlsMaterial): Address {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === "npipe") {
    throw new BuildKitError("option_invalid", `Windows named pipes are not supported: ${text}`, {
      hint: "Expose the engine on tcp:// or ssh://, or run Galley inside WSL.",
    });
  }
  if (scheme === "unix") {
    const path = text.slice("unix://".length);
    if (!path.startsWith("/")) throw invalidAddress(text);
    return { type: "unix", path };
  }
  if (scheme !== "tcp" && scheme !== "ssh") throw invalidAddress(text);
  const url = parseUrl(text);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (url.password !== "") {
    // The text is left out on purpose: it holds the password.
    throw new BuildKitError("option_invalid", `A password in a ${scheme}:// address is not supported`, {
      hint: "Use keys: ssh takes them from its agent, tcp:// from TLS certificates.",
    });
  }
  const port = url.port === "" ? undefined : Number(url.port);
  if (scheme === "tcp") {
    const found = host === "" ? "127.0.0.1" : host;
    return { type: "tcp", host: found, port: port ?? defaultPort, ...(tls === undefined ? {} : { tls }) };
  }
  const user = decodeURIComponent(url.username);
  // ssh reads what begins with a dash as an option, and options can run commands.
  if (host === "" || host.startsWith("-") || user.startsWith("-")) throw invalidAddress(text);
  return {
    type: "ssh",
    host,
    ...(user === "" ? {} : { user }),
    ...(port === undefined ? {} : { port }),
    ...(url.pathname.length > 1 ? { socketPath: url.pathname } : {}),
  };
}

function parseUrl(text: string): URL {
  // `tcp://:2375` is common for "this machine" and no URL.
  const filled = text.replace(/^tcp:\/\/:/i, "tcp://127.0.0.1:");
  try {
    return new URL(filled);
  } catch (cause) {
    throw invalidAddress(text, cause);
  }
}

function invalidAddress(text: string, cause?: unknown): BuildKitError {
  return new BuildKitError("option_invalid", `Not an address of a daemon: ${text}`, {
    hint: "Accepted: unix:///path/to/socket, tcp://host:port, ssh://user@host.",
    cause,
  });
}
