import { z } from "zod";
import { GalleyError, type GalleyErrorCode, galleyErrorCodes, withDeadline } from "../errors/index.js";

const grantSchema = z.object({
  v: z.literal(1),
  agent: z.object({ id: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/), name: z.string().max(200) }),
  jwt: z.string().min(1).max(32_768),
  expiresAt: z.iso.datetime(),
  renewAfter: z.iso.datetime(),
});

/** What the server gives for a token or a held key. */
export type BootstrapGrant = z.infer<typeof grantSchema>;

export type BootstrapRequest =
  | { readonly v: 1; readonly publicKey: string; readonly version: string }
  /** `signature` by the key over `galley-renew\n<agent>\n<publicKey>\n<at>`. */
  | {
      readonly v: 1;
      readonly agent: string;
      readonly publicKey: string;
      readonly at: string;
      readonly signature: string;
    };

const answerTimeoutMs = 15_000;
const largestAnswer = 64 * 1024;
const refusalSchema = z.object({
  code: z.string().max(64),
  message: z.string().max(2_000),
  hint: z.string().max(2_000).nullish(),
});

/**
 * One exchange with the server.
 *
 * @throws GalleyError with the server's own code for a refusal; control_plane_unreachable when there is no answer, or none that
 *   makes sense: that is worth another try
 */
export async function askBootstrap(
  controlPlaneUrl: string,
  request: BootstrapRequest,
  options: {
    readonly token?: string | undefined;
    readonly signal: AbortSignal;
    readonly fetch?: typeof fetch;
  },
): Promise<BootstrapGrant> {
  const { token, signal } = options;
  const send = options.fetch ?? fetch;
  let response: Response;
  let text: string;
  try {
    response = await send(`${controlPlaneUrl}/api/v1/agents/bootstrap`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(request),
      // Where it points is not where the token is meant to go.
      redirect: "error",
      signal: withDeadline(signal, answerTimeoutMs),
    });
    text = await readText(response);
  } catch (cause) {
    signal.throwIfAborted();
    throw unreachable(controlPlaneUrl, reasonOf(cause), cause);
  }
  const body = parseJson(text);
  if (response.ok) {
    const grant = grantSchema.safeParse(body);
    if (grant.success) return grant.data;
    throw unreachable(controlPlaneUrl, "what answers is not a Galley server of this version");
  }
  const refusal = refusalSchema.safeParse(body);
  const temporary = response.status >= 500 || response.status === 429 || response.status === 408;
  if (temporary || !refusal.success || !isCode(refusal.data.code))
    throw unreachable(controlPlaneUrl, `it answered with status ${response.status}`);
  throw new GalleyError(refusal.data.code, refusal.data.message, { hint: refusal.data.hint ?? undefined });
}

function isCode(code: string): code is GalleyErrorCode {
  return (galleyErrorCodes as readonly string[]).includes(code);
}

function unreachable(url: string, why: string, cause?: unknown): GalleyError {
  return new GalleyError("control_plane_unreachable", `The server at ${url} cannot be reached: ${why}.`, {
    hint: "Check GALLEY_CONTROL_PLANE_URL, and that the server runs and can be reached from this machine.",
    cause,
  });
}

function reasonOf(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: { code?: string; message?: string } };
  if (name === "TimeoutError") return `no answer within ${answerTimeoutMs / 1000} s`;
  if (cause?.code === "ECONNREFUSED") return "nobody listens there";
  if (cause?.code === "ENOTFOUND" || cause?.code === "EAI_AGAIN") return "its name is not known";
  return cause?.code ?? cause?.message ?? "the connection broke";
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > largestAnswer) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
