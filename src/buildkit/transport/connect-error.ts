import { BuildKitError } from "../errors.js";

const tlsCodes = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_UNTRUSTED",
  "CERT_SIGNATURE_FAILURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "HOSTNAME_MISMATCH",
]);

/**
 * Says why a daemon could not be reached. `where` is the address as shown to people.
 *
 * @returns BuildKitError daemon_permission, daemon_unreachable, or the error itself when it is a BuildKitError already
 */
export function connectError(error: unknown, where: string): BuildKitError {
  if (error instanceof BuildKitError) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? "";
  const text = error instanceof Error ? error.message : String(error);
  const [sentence, hint] = explain(code, text);
  return new BuildKitError(
    code === "EACCES" || code === "EPERM" ? "daemon_permission" : "daemon_unreachable",
    `${sentence} at ${where}`,
    { hint, cause: error },
  );
}

function explain(code: string, text: string): [sentence: string, hint: string] {
  switch (code) {
    case "EACCES":
    case "EPERM":
      return [
        "This user may not use the daemon's socket",
        "Run as a user of the socket's group (`sudo usermod -aG docker $USER`, then log in again), or as root.",
      ];
    case "ENOENT":
    case "ENOTDIR":
      return [
        "There is no daemon's socket",
        "Start the daemon, or point DOCKER_HOST or --builder at the right socket.",
      ];
    case "ECONNREFUSED":
      return ["Nobody answers", "Start the daemon there (`systemctl start docker`), or correct the address."];
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return [
        "The host's name could not be resolved",
        "Check the spelling of the host and this machine's DNS.",
      ];
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return ["The host could not be reached", "Check the address, the network and firewalls in between."];
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return [
        "The daemon's certificate is for another name",
        "Use the name that is in the certificate, or give it as the server name.",
      ];
  }
  if (tlsCodes.has(code)) {
    return [
      `The daemon's certificate is not trusted (${code})`,
      "Give the CA that signed it: ca.pem in DOCKER_CERT_PATH, or ca=FILE.",
    ];
  }
  if (
    /alert (number|certificate|unknown ca|bad certificate|handshake)/i.test(text) ||
    code.startsWith("ERR_SSL_TLS")
  ) {
    return [
      "The daemon refused this client's TLS certificate",
      "Give a certificate and key that the daemon's CA has signed: cert.pem and key.pem in DOCKER_CERT_PATH, or cert=FILE and key=FILE.",
    ];
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL")) {
    return [
      "TLS could not be agreed with the daemon",
      "Check whether this port speaks TLS at all (2376 usually does, 2375 does not).",
    ];
  }
  if (code === "ECONNRESET" || code === "EPIPE" || code === "HPE_INVALID_CONSTANT") {
    return [
      "The connection was closed by the daemon",
      "Check whether the port wants TLS, and the daemon's log.",
    ];
  }
  if (code.startsWith("ERR_HTTP2")) {
    return [
      "What answers does not speak gRPC",
      "Check that this is the address of a buildkitd; for a Docker Engine write docker+unix:// or docker+tcp://.",
    ];
  }
  return [`The daemon could not be reached (${text})`, "Check the address and the daemon's log."];
}
