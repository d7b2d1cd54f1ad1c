/** What can go wrong in a build, one stable code each. Codes are part of the public contract: never renamed. */
export const buildKitErrorCodes = [
  "base_image_not_found",
  "tag_not_found",
  "registry_login_required",
  "registry_wrong_password",
  "registry_rate_limited",
  "registry_unreachable",
  "registry_dns",
  "registry_tls_untrusted",
  "disk_full",
  "dockerfile_syntax",
  "dockerfile_not_found",
  "copy_source_missing",
  "source_unavailable",
  "target_unknown",
  "platform_unsupported",
  "frontend_unavailable",
  "secret_missing",
  "ssh_agent_missing",
  "step_failed",
  "out_of_memory",
  "cancelled",
  "timeout",
  "daemon_unreachable",
  "daemon_permission",
  "daemon_gone",
  "session_lost",
  "engine_unsupported",
  "context_not_found",
  "context_changed",
  "context_invalid",
  "export_failed",
  "push_failed",
  "option_invalid",
  "protocol_violation",
  "solve_failed",
] as const;

export type BuildKitErrorCode = (typeof buildKitErrorCodes)[number];

/** One line of the excerpt of a Dockerfile; `failed` marks the guilty ones. */
export interface ExcerptLine {
  readonly line: number;
  readonly text: string;
  readonly failed: boolean;
}

/** What is known about a failed solve beyond its sentence. Everything is optional: engines differ in what they tell. */
export interface BuildFailure {
  /** Digest of the vertex that failed. */
  readonly vertex?: string;
  /** The vertex's name as the progress shows it, for example `[web 3/5] RUN npm ci`. */
  readonly step?: string;
  /** The command that a RUN step executed. */
  readonly command?: string;
  readonly exitCode?: number;
  /** Name of the Dockerfile and the lines around the guilty ones. */
  readonly dockerfile?: { readonly name: string; readonly excerpt: readonly ExcerptLine[] };
  /** The last lines that the failing step printed, oldest first, without line ends. */
  readonly logTail?: readonly string[];
  /** The daemon's own text, for people who search for it. */
  readonly daemonMessage?: string;
}

/** The one error type of this room: a stable code, a sentence for a person, and a hint that says what to do. */
export class BuildKitError extends Error {
  override readonly name = "BuildKitError";
  readonly code: BuildKitErrorCode;
  readonly hint: string | undefined;
  readonly failure: BuildFailure | undefined;

  constructor(
    code: BuildKitErrorCode,
    message: string,
    options: { hint?: string | undefined; cause?: unknown; failure?: BuildFailure | undefined } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.failure = options.failure;
  }
}
