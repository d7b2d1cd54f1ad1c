/** How to read a repository elsewhere. */
export type Credential =
  | { readonly kind: "token"; readonly username: string; readonly token: string }
  | {
      readonly kind: "ssh";
      /** OpenSSH or PEM, without passphrase. */
      readonly privateKey: string;
      /** Lines of a known_hosts file; null: the keys of the well-known forges and nothing else. */
      readonly knownHosts: string | null;
    };

/** What all talks with servers have in common. */
export interface GitOptions {
  /** Repositories of this machine's file system may be read, too: `/path`, `file:///path`. Default false. */
  readonly allowFile?: boolean;
  /** A file of certificates (PEM) to be trusted instead of the system's. */
  readonly caFile?: string;
  /** The ssh program. Default `ssh`. */
  readonly ssh?: string;
  /** Variables for git and its children, over those that are handed on: PATH, TMPDIR, proxies, certificates. */
  readonly env?: Readonly<Record<string, string>>;
  /** Deadline of one fetch in milliseconds. Default 900,000. */
  readonly timeoutMs?: number;
  /** Milliseconds in which a server has to take a connection. Default 20,000. */
  readonly connectTimeoutMs?: number;
  /** Bytes that one fetch may bring. Default 20 GiB. */
  readonly maxBytes?: number;
}

/** Where notes for the operator go; pino's shape. */
export interface SourceLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}
