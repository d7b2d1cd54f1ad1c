import { open } from "node:fs/promises";
import { Secrets } from "../../../proto/index.js";
import { BuildKitError } from "../errors.js";
import { RpcError, rpcStatus, type SessionService } from "./service.js";
import { serviceOf, unary } from "./typed.js";

/** Longest secret in bytes: 500 KiB, as buildx has it. */
export const maxSecretBytes = 500 * 1024;

/**
 * Where a secret's bytes come from. `file`: a path, read when first asked for (a pipe will do). `env`: a variable; an unset
 * one is an empty secret, as with buildx. `value`: the bytes.
 */
export type SecretSource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "env"; readonly name: string }
  | { readonly kind: "value"; readonly value: Uint8Array };

/**
 * moby.buildkit.secrets.v1.Secrets: hands out secrets by id, for `RUN --mount=type=secret`. Each is read when the first step
 * asks for it and the same bytes go to every step. An id that is not in `sources` is NOT_FOUND, which the daemon ignores
 * unless the mount says `required`; one that is there and cannot be read fails the build with `secret_missing`.
 */
export function createSecrets(
  sources: Readonly<Record<string, SecretSource>>,
  env: Readonly<Record<string, string | undefined>> = process.env,
): SessionService {
  const byId = new Map(Object.entries(sources));
  const known = new Map<string, Uint8Array>();
  return serviceOf(
    unary(Secrets.methods.GetSecret, async ({ id }) => {
      const source = byId.get(id);
      if (!source) throw new RpcError(rpcStatus.notFound, `secret ${id}: not found`);
      const data = known.get(id) ?? (await load(id, source, env));
      known.set(id, data);
      return { data };
    }),
  );
}

async function load(
  id: string,
  source: SecretSource,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Uint8Array> {
  const data =
    source.kind === "value"
      ? source.value
      : source.kind === "env"
        ? Buffer.from(env[source.name] ?? "", "utf8")
        : await readSecretFile(id, source.path);
  if (data.length > maxSecretBytes) {
    throw new BuildKitError(
      "option_invalid",
      `Secret "${id}" is larger than the limit of ${maxSecretBytes} bytes.`,
      {
        hint: "Secrets are for keys and tokens. Hand larger files to the build as a named context.",
      },
    );
  }
  return data;
}

async function readSecretFile(id: string, path: string): Promise<Buffer> {
  try {
    const file = await open(path);
    try {
      // One byte more than allowed tells "too large" without reading all of it; a pipe gives its bytes in pieces.
      const buffer = Buffer.alloc(maxSecretBytes + 1);
      let length = 0;
      while (length < buffer.length) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return Buffer.from(buffer.subarray(0, length));
    } finally {
      await file.close();
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "an error";
    throw new BuildKitError("secret_missing", `Secret "${id}" could not be read from ${path} (${code}).`, {
      hint: "Check that the file exists and that this user may read it.",
      cause,
    });
  }
}
