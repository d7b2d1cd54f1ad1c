// A registry that wants bearer tokens, and its token server: both in this process, in front of the lab's open registry.
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface TokenRegistry {
  /** host:port, for image references. */
  readonly host: string;
  /** How tokens were asked for: `POST password tester`, `GET tester`, `GET anonymous` ... */
  readonly asked: readonly string[];
  close(): void;
}

/**
 * Forwards to `upstream`. Whoever shows `login` at the token server gets a token; without a login, too, if `anonymous`.
 * The server takes OAuth2 posts only if `oauth`, as real ones differ in this.
 */
export async function tokenRegistry(options: {
  readonly upstream: string;
  readonly login: { readonly username: string; readonly password: string };
  readonly oauth: boolean;
  readonly anonymous?: boolean;
  /** Where it listens. Default: loopback. */
  readonly address?: string;
}): Promise<TokenRegistry> {
  const token = "galley-test-token";
  const asked: string[] = [];
  let host = "";

  const answerToken = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method, headers } = incoming;
    const form = new URLSearchParams(Buffer.concat(await incoming.toArray()).toString());
    const basic = Buffer.from((headers.authorization ?? "").replace(/^Basic /, ""), "base64").toString();
    const shown =
      method === "POST"
        ? [form.get("username") ?? "", form.get("password") ?? ""]
        : [basic.split(":")[0] ?? "", basic.split(":").slice(1).join(":")];
    const grant = method === "POST" ? `POST ${form.get("grant_type")}` : "GET";
    asked.push(`${grant} ${shown[0] || "anonymous"}`);
    if (method === "POST" && !options.oauth) {
      response.writeHead(404).end();
      return;
    }
    const known = shown[0] === options.login.username && shown[1] === options.login.password;
    const allowed = known || (options.anonymous === true && shown[0] === "");
    response.writeHead(allowed ? 200 : 401, { "content-type": "application/json" });
    response.end(
      JSON.stringify(allowed ? { token, access_token: token, expires_in: 300 } : { details: "no" }),
    );
  };

  const forward = (incoming: IncomingMessage, response: ServerResponse): void => {
    const { authorization: _, ...headers } = incoming.headers;
    const passed = request(
      `http://${options.upstream}${incoming.url}`,
      { method: incoming.method, headers: { ...headers, host: options.upstream } },
      (reply) => {
        response.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(response);
      },
    );
    passed.on("error", () => response.destroy());
    incoming.pipe(passed);
  };

  const server = createServer((incoming, response) => {
    if (incoming.url?.startsWith("/token")) {
      answerToken(incoming, response).catch(() => response.destroy());
    } else if (incoming.headers.authorization === `Bearer ${token}`) {
      forward(incoming, response);
    } else {
      const repository = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(incoming.url ?? "")?.[1];
      const scope = repository ? `,scope="repository:${repository}:pull"` : "";
      response.writeHead(401, {
        "www-authenticate": `Bearer realm="http://${host}/token",service="lab"${scope}`,
        "content-type": "application/json",
      });
      response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
    }
  });
  const { address = "127.0.0.1" } = options;
  await once(server.listen(0, address), "listening");
  host = `${address}:${(server.address() as AddressInfo).port}`;
  return {
    host,
    asked,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
