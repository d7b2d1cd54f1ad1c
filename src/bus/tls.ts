import { readFile } from "node:fs/promises";
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate } from "node:tls";
import type { TlsOptions } from "nats";
import { GalleyError } from "../errors/index.js";

/**
 * What the client has to know of TLS, nothing where it is not wanted. With a file of authorities, as with `tls://`, a server without TLS
 * is refused before anything is said to it.
 * @throws `config_invalid` when the file cannot be read, or has no certificate.
 */
export async function tlsSettings(
  servers: readonly string[],
  caFile: string | undefined,
): Promise<{ tls?: TlsOptions }> {
  const hosts = servers.map((server) => new URL(server).hostname.replace(/^\[|\]$/g, ""));
  // The library names no host when it is an IP address, and Node then looks for "localhost" in the certificate.
  const ofOneOfThem = (_: string, certificate: PeerCertificate) => {
    const faults = hosts.map((host) => checkServerIdentity(host, certificate));
    return faults.includes(undefined) ? undefined : faults[0];
  };
  // Handed on to `tls.connect`.
  const settings: TlsOptions & Pick<ConnectionOptions, "checkServerIdentity"> = {
    checkServerIdentity: ofOneOfThem,
  };
  if (caFile === undefined)
    return servers.some((server) => server.startsWith("tls:")) ? { tls: settings } : {};
  const text = await readFile(caFile, "latin1").catch((error: NodeJS.ErrnoException) => {
    throw new GalleyError(
      "config_invalid",
      `The file of the bus's authorities cannot be read: ${error.message}.`,
      { hint: "See what GALLEY_NATS_CA says, and who may read that file." },
    );
  });
  if (!text.includes("-----BEGIN CERTIFICATE-----"))
    throw new GalleyError("config_invalid", `${caFile} has no certificate in it.`, {
      hint: "GALLEY_NATS_CA names a PEM file with the certificates of the authorities that sign the bus's.",
    });
  return { tls: { ...settings, caFile } };
}

/** Node's codes and OpenSSL's words for certificates that are of nobody known, of another host, or out of date. */
const certificateFaults = /CERT_|_CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ALTNAME|certificate|self.signed/i;

export function isCertificateError(error: unknown): boolean {
  const {
    code = "",
    message = "",
    chainedError,
  } = error as {
    code?: string;
    message?: string;
    chainedError?: { code?: string };
  };
  return certificateFaults.test(`${code} ${message} ${chainedError?.code ?? ""}`);
}
