import { shortReference, stageNames } from "../dockerfile.js";
import { nearest } from "../nearest.js";
import { imageOfVertex, type Symptom } from "../symptom.js";
import { atLines, proposed, type Rule, type Verdict, withoutProposal } from "./rule.js";

// Only what speaks of a registry: a RUN step or an ADD of a URL that cannot reach its host is no registry's fault.
const registryText =
  /failed to resolve source metadata|failed to (?:do request|authorize|push|copy: |fetch (?:anonymous|oauth) token)|pulling from host|unexpected status(?: code)?(?: from| \[|:)|httpReadSeeker|(?:pull|push) access denied|no basic auth credentials|toomanyrequests|failed to resolve reference/i;

/** Everything that goes wrong between the daemon and a registry: FROM, COPY --from, `# syntax=`, push. */
export const registryRule: Rule = (symptom) => {
  const image = imageOf(symptom);
  if (image === undefined && !registryText.test(symptom.message)) return undefined;
  if (/^(?:process "|executor failed running \[)/.test(symptom.message)) return undefined;
  return verdictFor(symptom, image);
};

/** The image in question, as the step's name or the text says it. */
export function imageOf(symptom: Symptom): string | undefined {
  const named = symptom.vertex === undefined ? undefined : imageOfVertex(symptom.vertex.name);
  if (named !== undefined) return named;
  const match =
    /failed to resolve source metadata for (\S+): /.exec(symptom.message) ??
    /failed to push (\S+): /.exec(symptom.message) ??
    /failed to resolve reference "([^"]+)"/.exec(symptom.message);
  return match?.[1];
}

export function hostOf(image: string | undefined): string {
  const first = image?.split("/")[0] ?? "";
  return image?.includes("/") && /[.:]|^localhost$/.test(first) ? first : "docker.io";
}

function verdictFor(symptom: Symptom, image: string | undefined): Verdict | undefined {
  const text = withoutProposal(symptom.message);
  const host = image === undefined ? requestedHost(text) : hostOf(image);
  const registry = host === undefined ? "the registry" : `the registry ${host}`;
  const what = image === undefined ? "The image" : `The image ${shortReference(image)}`;
  const where = atLines(symptom);

  if (/\b429\b|too ?many ?requests|pull rate limit/i.test(text)) {
    return {
      code: "registry_rate_limited",
      message: `${capital(registry)} refuses more requests for now, since its rate limit is reached${where}.`,
      hint: "Wait and build again, log in to get a higher limit, or give the daemon a registry mirror.",
    };
  }
  const verdict =
    access(symptom, text, host, what, where) ??
    connection(text, registry, where) ??
    absence(symptom, text, image, what, where);
  const stage = meantStage(symptom, image);
  if (verdict === undefined || stage === undefined) return verdict;
  return {
    ...verdict,
    hint: `Did you mean the stage ${stage}? An unknown stage name is taken for an image.`,
  };
}

function access(
  symptom: Symptom,
  text: string,
  host: string | undefined,
  what: string,
  where: string,
): Verdict | undefined {
  const registry = host ?? "the registry";
  const sent = host !== undefined && sentCredentials(symptom, host);
  // "stored login" and "without a login" are the words of our own auth service, which 28 repeats with nothing around them.
  if (
    /failed to fetch oauth token|incorrect username or password|\b401\b|the stored login\b/i.test(text) &&
    sent
  ) {
    return {
      code: "registry_wrong_password",
      message: `${capital(registry)} does not accept the user name and password that were sent${where}.`,
      hint: `Log in again (${login(host)}), or correct the stored credentials.`,
    };
  }
  // Docker Hub answers this for repositories that do not exist: to the anonymous it does not say which of both it is.
  if (/repository does not exist or may require auth|insufficient_scope/i.test(text)) {
    if (/^push|failed to push/i.test(text)) return refused(registry, host, "push", where);
    return sent || host === "docker.io"
      ? {
          code: "base_image_not_found",
          message: `${what} does not exist at ${registry}, or is private${where}.`,
          hint: `Check the spelling of the name; for a private image log in first (${login(host)}).`,
        }
      : refused(registry, host, "login", where);
  }
  if (/\b403\b|denied: |access denied/i.test(text)) {
    return refused(registry, host, sent ? "account" : "login", where);
  }
  if (
    /\b401\b|no basic auth credentials|authorization failed|authentication required|failed to fetch (?:anonymous|oauth) token|without a login/i.test(
      text,
    )
  ) {
    return refused(registry, host, "login", where);
  }
  return undefined;
}

function refused(
  registry: string,
  host: string | undefined,
  kind: "login" | "account" | "push",
  where: string,
): Verdict {
  if (kind === "login") {
    return {
      code: "registry_login_required",
      message: `${capital(registry)} wants a login${where}.`,
      hint: `Log in first (${login(host)}), or check the image's name: some registries ask for a login where nothing is.`,
    };
  }
  return {
    code: "registry_login_required",
    message: `${capital(registry)} refuses the ${kind === "push" ? "push" : "account that is logged in"}${where}.`,
    hint: `Log in (${login(host)}) with an account that may ${kind === "push" ? "write to" : "read"} this repository.`,
  };
}

function connection(text: string, registry: string, where: string): Verdict | undefined {
  if (
    /no such host|server misbehaving|temporary failure in name resolution|lookup \S+.*: (?:i\/o timeout|dial )/i.test(
      text,
    )
  ) {
    return {
      code: "registry_dns",
      message: `The name of ${lookedUp(text) ?? registry} could not be resolved${where}.`,
      hint: "Check the spelling of the registry's name, and the DNS and proxy settings of the machine that the daemon runs on.",
    };
  }
  if (/server gave HTTP response to HTTPS client/i.test(text)) {
    return {
      code: "registry_tls_untrusted",
      message: `${capital(registry)} speaks plain HTTP where the daemon expects TLS${where}.`,
      hint: "Give the registry a certificate, or list it under insecure-registries in the daemon's configuration.",
    };
  }
  if (/x509:|certificate|tls: (?!handshake)/i.test(text)) {
    return {
      code: "registry_tls_untrusted",
      message: `The daemon does not trust the certificate of ${registry}${where}.`,
      hint: "Put the CA's certificate under /etc/docker/certs.d/<registry>/ca.crt on the daemon's machine; no restart is needed.",
    };
  }
  const reason =
    /connection refused|i\/o timeout|TLS handshake timeout|no route to host|network is unreachable|connection reset by peer|context deadline exceeded|proxyconnect|unexpected EOF|: EOF$|\b5\d\d [A-Z][\w ]+/i.exec(
      text,
    )?.[0];
  if (reason === undefined) return undefined;
  return {
    code: "registry_unreachable",
    message: `${capital(registry)} could not be reached: ${reason.replace(/^: /, "")}${where}.`,
    hint: "Check that the registry runs, and the network, firewall and proxy settings of the machine that the daemon runs on.",
  };
}

function absence(
  symptom: Symptom,
  text: string,
  image: string | undefined,
  what: string,
  where: string,
): Verdict | undefined {
  if (!/not found|manifest unknown|name unknown|\b404\b/i.test(text) || /no match for platform/i.test(text))
    return undefined;
  const host = hostOf(image);
  // A HEAD request's 404 has no body, so the daemon cannot say which of both is missing; `repository` is from whoever asked.
  const known = /manifest unknown/i.test(text)
    ? "present"
    : /name unknown/i.test(text)
      ? "missing"
      : symptom.known.repository;
  const pinned = image?.includes("@") ? "digest" : "tag";
  const check = "Check the name and the tag in the Dockerfile";
  if (known === "present") {
    return {
      code: "tag_not_found",
      message: `${what} was not found${where}: the repository is there, but not with this tag or digest.`,
      hint: `Choose a tag that the repository at ${host} has.`,
    };
  }
  return {
    code: "base_image_not_found",
    message:
      known === "missing"
        ? `${what} was not found${where}: ${host} has no such repository.`
        : `${what} was not found${where}: ${host} has no such repository, or the repository has no such ${pinned}.`,
    hint: `${check}; if the image is yours, push it to ${host} first.`,
  };
}

/** `COPY --from=biulder` names an image as far as BuildKit can tell: the stage that was meant, if one is near. */
function meantStage(symptom: Symptom, image: string | undefined): string | undefined {
  const named = proposed(symptom.message);
  if (named !== undefined) return named;
  if (image === undefined || symptom.dockerfile === undefined) return undefined;
  return nearest(shortReference(image), stageNames(symptom.dockerfile.text));
}

function sentCredentials(symptom: Symptom, host: string): boolean {
  const hub = /^(?:index\.|registry-1\.)?docker\.io$/;
  for (const sent of symptom.known.credentialsSentTo ?? []) {
    const name = sent.replace(/^https?:\/\//, "").split("/")[0] ?? "";
    if (name === host || (hub.test(name) && hub.test(host))) return true;
  }
  return false;
}

function requestedHost(text: string): string | undefined {
  return (
    /(?:\bto |Head "|Get "|Post ")https?:\/\/([^/"\s]+)/.exec(text)?.[1] ??
    /pulling from host (\S+)/.exec(text)?.[1]
  );
}

function lookedUp(text: string): string | undefined {
  return /\blookup (\S+?)(?: on \S+)?:/.exec(text)?.[1];
}

function login(host: string | undefined): string {
  return host === undefined || host === "docker.io" ? "`docker login`" : `\`docker login ${host}\``;
}

function capital(text: string): string {
  return text.startsWith("the ") ? `T${text.slice(1)}` : text;
}
