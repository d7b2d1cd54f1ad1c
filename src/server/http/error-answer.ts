import { DrizzleQueryError } from "drizzle-orm";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import { GalleyError, type GalleyErrorCode } from "../../errors/index.js";
import { databaseUnreachable, isDatabaseAway } from "../store/index.js";

/** What every failed request is answered with. */
export interface ErrorAnswer {
  readonly status: number;
  readonly body: { readonly code: GalleyErrorCode; readonly message: string; readonly hint?: string };
  /** A fault of ours that the log should have whole. */
  readonly fault: boolean;
}

const statuses: Partial<Record<GalleyErrorCode, number>> = {
  invalid_request: 400,
  usage: 400,
  git_repository_invalid: 400,
  unauthorized: 401,
  agent_token_unknown: 401,
  agent_token_expired: 401,
  agent_token_rotated: 401,
  agent_revoked: 403,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  superseded: 409,
  rate_limited: 429,
  database_unreachable: 503,
  bus_unreachable: 503,
  agent_lost_contact: 503,
  engine_unreachable: 503,
  engine_error: 502,
  bus_message_invalid: 502,
};

/** The answer for anything that a handler, a hook or fastify has thrown. Nothing that was not meant for the caller reaches it. */
export function errorAnswer(error: unknown, requestId: string): ErrorAnswer {
  const known = galleyError(error);
  const status = known && statuses[known.code];
  if (known && status !== undefined) return answer(status, known);
  if (hasZodFastifySchemaValidationErrors(error)) {
    const where = { body: "body", querystring: "query", params: "path", headers: "header" };
    const part = where[error.validationContext as keyof typeof where] ?? "request";
    const issues = error.validation.slice(0, 5).map(({ instancePath, message }) => {
      const field = instancePath.slice(1).replaceAll("/", ".");
      return `${field === "" ? `the ${part}` : `\`${field}\` of the ${part}`}: ${message}`;
    });
    return answer(400, new GalleyError("invalid_request", `Not accepted: ${issues.join("; ")}.`));
  }
  const fastify = fastifyError(error);
  if (fastify) return answer(fastify.status, new GalleyError(fastify.code, fastify.message));
  return {
    ...answer(
      500,
      new GalleyError("internal", "Something went wrong in the server.", {
        hint: `The server's log has the reason under the request ${requestId}.`,
      }),
    ),
    fault: true,
  };
}

function galleyError(error: unknown): GalleyError | undefined {
  if (error instanceof GalleyError) return error;
  if ((error instanceof DrizzleQueryError || error instanceof Error) && isDatabaseAway(error))
    return databaseUnreachable(error);
  return undefined;
}

const sentences: Record<string, string> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "The body is larger than this route takes.",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "The body must be JSON, with `Content-Type: application/json`.",
  FST_ERR_CTP_EMPTY_JSON_BODY: "The body is empty, and Content-Type says that it is JSON.",
  FST_ERR_CTP_INVALID_JSON_BODY: "The body is not valid JSON.",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "The body has another length than Content-Length says.",
  FST_ERR_BAD_URL: "The path is not a valid URL.",
};

/** Refusals of fastify and its plugins, which carry a status below 500. Their own sentences may quote the input: they are replaced. */
function fastifyError(
  error: unknown,
): { status: number; code: GalleyErrorCode; message: string } | undefined {
  const { statusCode, code } = error as { statusCode?: unknown; code?: unknown };
  if (typeof statusCode !== "number" || statusCode < 400 || statusCode > 499) return undefined;
  return {
    status: statusCode,
    code: "invalid_request",
    message: sentences[String(code)] ?? "The request is not what this server takes.",
  };
}

function answer(status: number, { code, message, hint }: GalleyError): ErrorAnswer {
  return { status, body: { code, message, ...(hint === undefined ? {} : { hint }) }, fault: false };
}
