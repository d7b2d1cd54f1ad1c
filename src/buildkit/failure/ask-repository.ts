import { hostOf } from "./rules/registry.js";

const bodyLimit = 64 * 1024;
const hub = "registry-1.docker.io";
const component = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;

/**
 * Whether the registry knows the repository of an image that it did not have. Daemons ask with HEAD, whose 404 has no body,
 * so no engine can tell a missing tag from a missing repository; the list of tags can (NAME_UNKNOWN in the registry API).
 * Asks without a login, by https but for loopback registries, never a link-local address, and takes every other answer
 * for "undefined". Never throws.
 */
export async function askRepository(
  image: string,
  signal: AbortSignal,
): Promise<"present" | "missing" | undefined> {
  const host = hostOf(image);
  if (/^(?:169\.254\.|\[fe80:|\[fd00:ec2)/i.test(host)) return undefined;
  const name = repositoryOf(image, host);
  // What is no name of the distribution specification must not get into an address.
  if (name.length > 255 || !name.split("/").every((part) => component.test(part))) return undefined;
  const base = `${isLoopback(host) ? "http" : "https"}://${host === "docker.io" ? hub : host}`;
  const address = `${base}/v2/${name}/tags/list?n=1`;
  try {
    let response = await fetch(address, { redirect: "manual", signal });
    if (response.status === 401) {
      const token = await anonymousToken(response, name, signal);
      if (token === undefined) return undefined;
      response = await fetch(address, {
        redirect: "manual",
        signal,
        headers: { authorization: `Bearer ${token}` },
      });
    }
    const body = await readBody(response);
    if (response.status === 200) return "present";
    return response.status === 404 && /"NAME_UNKNOWN"/.test(body) ? "missing" : undefined;
  } catch {
    // The registry could not be asked from here: both reasons stay possible.
    return undefined;
  }
}

function repositoryOf(image: string, host: string): string {
  const path = image.startsWith(`${host}/`) ? image.slice(host.length + 1) : image;
  const name = path.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  return host === "docker.io" && !name.includes("/") ? `library/${name}` : name;
}

/** A registry that works with tokens names the token server, which gives tokens for what is public to everybody. */
async function anonymousToken(
  response: Response,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  await response.body?.cancel();
  const challenge = response.headers.get("www-authenticate") ?? "";
  const [realm, service] = [/realm="([^"]+)"/, /service="([^"]+)"/].map((part) => part.exec(challenge)?.[1]);
  if (!/^bearer /i.test(challenge) || realm === undefined || !URL.canParse(realm)) return undefined;
  const url = new URL(realm);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url.host))) return undefined;
  if (service !== undefined) url.searchParams.set("service", service);
  url.searchParams.set("scope", `repository:${name}:pull`);
  const answer = await fetch(url, { redirect: "manual", signal });
  const body = await readBody(answer);
  if (!answer.ok) return undefined;
  const { token, access_token: accessToken } = Object(JSON.parse(body)) as Record<string, unknown>;
  const found = token ?? accessToken;
  return typeof found === "string" && /^[\x21-\x7e]+$/.test(found) ? found : undefined;
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > bodyLimit) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}

function isLoopback(host: string): boolean {
  return /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/.test(host);
}
