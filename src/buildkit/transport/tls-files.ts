import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BuildKitError } from "../errors.js";
import type { TlsMaterial } from "./address.js";

/** Paths of PEM files; each may be left out. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly skipVerify?: boolean;
}

/**
 * Reads certificates from files.
 *
 * @throws BuildKitError option_invalid when a named file cannot be read, or a certificate comes without its key
 */
export async function readTlsFiles(files: TlsFiles): Promise<TlsMaterial> {
  if ((files.cert === undefined) !== (files.key === undefined)) {
    throw new BuildKitError(
      "option_invalid",
      "A TLS client certificate needs its key, and a key its certificate",
      {
        hint: "Give both files.",
      },
    );
  }
  const [ca, cert, key] = await Promise.all([files.ca, files.cert, files.key].map(readPem));
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(files.serverName === undefined ? {} : { serverName: files.serverName }),
    ...(files.skipVerify === true ? { skipVerify: true } : {}),
  };
}

/** Docker's layout: `ca.pem`, `cert.pem`, `key.pem` in one folder, each optional. */
export async function readTlsFolder(folder: string, skipVerify: boolean): Promise<TlsMaterial> {
  const found = await Promise.all(
    ["ca.pem", "cert.pem", "key.pem"].map((name) => readIfThere(join(folder, name))),
  );
  const [ca, cert, key] = found;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(skipVerify ? { skipVerify } : {}),
  };
}

async function readPem(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): BuildKitError {
  return new BuildKitError("option_invalid", `Cannot read the TLS file ${path}`, {
    hint: "Check that the file exists and that this user may read it.",
    cause,
  });
}
