/** Stable codes, shared by API, events and CLI. Never renamed. */
export const galleyErrorCodes = [
  "usage",
  "interrupted",
  "engine_unreachable",
  "engine_error",
  "image_not_found",
  "image_reference_invalid",
  "image_login_required",
  "image_login_refused",
  "image_pull_denied",
  "image_push_denied",
  "image_rate_limited",
  "image_registry_unreachable",
  "image_registry_untrusted",
  "image_platform_unsupported",
  "container_failed",
  "container_unhealthy",
  "port_in_use",
  "preview_subnets_used_up",
  "git_missing",
  "git_failed",
  "git_ref_not_found",
  "git_repository_invalid",
  "manifest_not_found",
  "manifest_invalid",
  "file_not_found",
  "git_auth_failed",
  "git_repository_not_found",
  "git_host_unknown",
  "git_host_key_unknown",
  "git_unreachable",
  "git_timeout",
  "config_invalid",
  "master_key_invalid",
  "control_plane_unreachable",
  "agent_token_unknown",
  "agent_token_expired",
  "agent_token_rotated",
  "agent_revoked",
  "agent_lost_contact",
  "bus_unreachable",
  "bus_refused",
  "bus_message_invalid",
  "spool_full",
  "database_unreachable",
  "database_busy",
  "database_incompatible",
  "invalid_request",
  "unauthorized",
  "forbidden",
  "not_found",
  "conflict",
  "rate_limited",
  "internal",
  "job_expired",
  "deployment_timeout",
  "too_many_attempts",
  "superseded",
  "cache_damaged",
  "cache_too_large",
] as const;

export type GalleyErrorCode = (typeof galleyErrorCodes)[number];

/** A stable code, a sentence for a person, a hint that says what to do, and the cause. */
export class GalleyError extends Error {
  override readonly name = "GalleyError";
  readonly code: GalleyErrorCode;
  readonly hint: string | undefined;

  constructor(
    code: GalleyErrorCode,
    message: string,
    options: { hint?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}
