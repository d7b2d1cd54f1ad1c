import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  Agent,
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type Server,
} from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { type ListeningServer, listenFor } from "./server.js";
import type { Upstream } from "./table.js";

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

async function service(listener: RequestListener): Promise<{ upstream: Upstream; server: Server }> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanUp.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { upstream: { host: "127.0.0.1", port: (server.address() as AddressInfo).port }, server };
}

/** An ingress with one host, `a.localhost`. */
async function ingress(upstream: Upstream): Promise<ListeningServer> {
  const upstreamOf = (host: string) => (host.startsWith("a.localhost") ? upstream : undefined);
  const server = await listenFor(upstreamOf, { port: 0, address: "127.0.0.1" });
  cleanUp.push(() => server.close());
  return server;
}

interface Asked {
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  agent?: Agent;
}

/** A client of its own each time, unless one is given: connections that are kept are what one test is about. */
async function ask(port: number, asked: Asked = {}): Promise<IncomingMessage & { text(): Promise<string> }> {
  const { path = "/", method = "GET", headers = {}, body, agent } = asked;
  const outgoing = request({
    host: "127.0.0.1",
    port,
    path,
    method,
    agent: agent ?? false,
    headers: { host: "a.localhost:8088", ...headers },
  });
  outgoing.end(body);
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  return Object.assign(response, { text: () => text(response) });
}

test("a request arrives as it was sent, and says who asked; what the client claims of that is not believed", async () => {
  const seen: IncomingMessage[] = [];
  const { upstream } = await service((incoming, response) => {
    seen.push(incoming);
    incoming.pipe(response);
  });
  const { port } = await ingress(upstream);
  const answer = await ask(port, {
    path: "/a%20b//c?x=1&y=%2F",
    method: "PATCH",
    body: "hello",
    headers: {
      "x-forwarded-for": "6.6.6.6",
      "x-forwarded-host": "evil.example",
      x_forwarded_proto: "https",
      "x-real-ip": "6.6.6.6",
      forwarded: "for=6.6.6.6",
      cookie: "a=1; b=2",
      authorization: "Bearer of the application",
    },
  });
  expect(await answer.text()).toBe("hello");
  expect(seen[0]).toMatchObject({ method: "PATCH", url: "/a%20b//c?x=1&y=%2F" });
  expect(seen[0]?.headers).toMatchObject({
    host: "a.localhost:8088",
    cookie: "a=1; b=2",
    authorization: "Bearer of the application",
    "x-forwarded-for": "127.0.0.1",
    "x-real-ip": "127.0.0.1",
    "x-forwarded-host": "a.localhost:8088",
    "x-forwarded-port": "8088",
    "x-forwarded-proto": "http",
  });
  expect(JSON.stringify(seen[0]?.rawHeaders)).not.toMatch(/6\.6\.6\.6|evil|https/);
});

test("an answer comes back as it was given: status, several cookies, what belongs to the connection left out", async () => {
  const { upstream } = await service((_, response) => {
    response.writeHead(418, "Short and stout", {
      "set-cookie": ["a=1; Path=/", "b=2"],
      location: "http://a.localhost:8088/next",
      "keep-alive": "timeout=1",
      connection: "close",
    });
    response.end("tea");
  });
  const { port } = await ingress(upstream);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  cleanUp.push(() => agent.destroy());
  const answer = await ask(port, { agent });
  expect(answer).toMatchObject({ statusCode: 418, statusMessage: "Short and stout" });
  expect(answer.headers["set-cookie"]).toEqual(["a=1; Path=/", "b=2"]);
  expect(answer.headers.location).toBe("http://a.localhost:8088/next");
  expect(answer.headers.connection).toBe("keep-alive");
  const connection = answer.socket.localPort;
  expect(await answer.text()).toBe("tea");
  const again = await ask(port, { agent });
  expect(again.socket.localPort).toBe(connection);
  await again.text();
});

test("an answer is passed on piece by piece, and its end cut off where the service's is", async () => {
  let finish = (_how: "end" | "cut") => {};
  const { upstream } = await service((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: 1\n\n");
    finish = (how) => (how === "end" ? response.end("data: 2\n\n") : response.destroy());
  });
  const { port } = await ingress(upstream);
  const streamed = await ask(port);
  const [first] = await once(streamed, "data");
  expect(String(first)).toBe("data: 1\n\n");
  finish("end");
  expect(await streamed.text()).toBe("data: 2\n\n");
  const cut = await ask(port);
  await once(cut, "data");
  finish("cut");
  await expect(cut.text()).rejects.toMatchObject({ code: "ECONNRESET" });
});

test("a body reaches the service while it is still being sent", async () => {
  const { upstream } = await service((incoming, response) => {
    incoming.once("data", (chunk) => response.write(`got ${chunk}`));
    incoming.on("end", () => response.end(" and all"));
  });
  const { port } = await ingress(upstream);
  const outgoing = request({
    host: "127.0.0.1",
    port,
    method: "POST",
    agent: false,
    headers: { host: "a.localhost" },
  });
  outgoing.write("one");
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  const [first] = await once(response, "data");
  expect(String(first)).toBe("got one");
  outgoing.end("two");
  expect(await text(response)).toBe(" and all");
});

test("a client that goes away takes its request to the service with it", async () => {
  const gone = new Promise<void>((resolve) => {
    void service((incoming, response) => {
      response.write("x");
      incoming.on("close", () => resolve());
    }).then(async ({ upstream }) => {
      const { port } = await ingress(upstream);
      const answer = await ask(port);
      await once(answer, "data");
      answer.destroy();
    });
  });
  await gone;
});

test("who asks for a host that nobody has gets a page in plain words that gives nothing away", async () => {
  const { upstream } = await service((_, response) => response.end("secret"));
  const { port } = await ingress(upstream);
  const html = await ask(port, { headers: { host: `<script>b.localhost`, accept: "text/html,*/*" } });
  expect(html.statusCode).toBe(404);
  const page = await html.text();
  expect(page).toContain("There is no preview at &lt;script&gt;b.localhost.");
  expect(page).not.toContain("a.localhost");
  expect(page).not.toContain("<script>");
  const plain = await ask(port, { headers: { host: "b.localhost" }, method: "POST", body: "x" });
  expect(plain.headers["content-type"]).toContain("text/plain");
  expect(await plain.text()).toContain("There is no preview at b.localhost.");
});

test("a service that does not listen, hangs up or talks nonsense is told apart, with what to do, and without its address", async () => {
  const behind = async (onConnection?: (socket: Socket) => void) => {
    const server = createTcpServer(onConnection).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    if (onConnection) cleanUp.push(() => server.close());
    else await new Promise((resolve) => server.close(resolve));
    const answer = await ask((await ingress({ host: "127.0.0.1", port })).port);
    expect(answer.statusCode).toBe(502);
    const page = await answer.text();
    expect(page).not.toContain(String(port));
    expect(page).not.toContain("127.0.0.1:");
    return page;
  };
  expect(await behind()).toContain("nothing listens on its port");
  expect(await behind((socket) => socket.destroy())).toContain("closed the connection without an answer");
  expect(await behind((socket) => socket.end("hello there\r\n\r\n"))).toContain("its answer is no HTTP");
});

test("both ends of a WebSocket get what the other says, from the first byte on", async () => {
  const { upstream, server } = await service((_, response) => response.end());
  server.on("upgrade", (incoming, socket: Socket, head) => {
    expect(incoming.headers).toMatchObject({ "x-forwarded-host": "a.localhost", upgrade: "websocket" });
    const key = `${incoming.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\nwelcome`,
    );
    socket.unshift(head);
    socket.pipe(socket);
  });
  const { port } = await ingress(upstream);
  const socket = connect(port, "127.0.0.1");
  cleanUp.push(() => socket.destroy());
  const key = randomBytes(16).toString("base64");
  socket.write(
    `GET /live HTTP/1.1\r\nhost: a.localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ${key}\r\nsec-websocket-version: 13\r\n\r\nearly`,
  );
  let heard = "";
  const until = async (end: string) => {
    while (!heard.endsWith(end)) heard += String((await once(socket, "data"))[0]);
  };
  await until("welcomeearly");
  expect(heard).toMatch(/^HTTP\/1\.1 101 /);
  const large = randomBytes(500_000).toString("hex");
  socket.write(large);
  await until(large.slice(-1000));
  expect(heard.endsWith(large)).toBe(true);
});

test("a WebSocket to nobody, or to a service that is not there, is refused as a request would be", async () => {
  const dead = createTcpServer().listen(0, "127.0.0.1");
  await once(dead, "listening");
  const { port: closed } = dead.address() as AddressInfo;
  await new Promise((resolve) => dead.close(resolve));
  const { port } = await ingress({ host: "127.0.0.1", port: closed });
  const upgrade = async (host: string, more = "") => {
    const socket = connect(port, "127.0.0.1");
    socket.write(
      `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n${more}\r\n`,
    );
    return await text(socket);
  };
  expect(await upgrade("b.localhost")).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
  expect(await upgrade("a.localhost")).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n/);
  expect(await upgrade("a.localhost", "content-length: 5\r\n")).toMatch(/^HTTP\/1\.1 400 /);
});

test("a WebSocket that its service cuts off ends, without a page that would be taken for a message, and closing ends all", async () => {
  const { upstream, server } = await service((_, response) => response.end());
  const behind: Socket[] = [];
  server.on("upgrade", (_, socket: Socket) => {
    behind.push(socket);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n");
  });
  const listening = await ingress(upstream);
  const open = async () => {
    const socket = connect(listening.port, "127.0.0.1");
    cleanUp.push(() => socket.destroy());
    socket.write("GET / HTTP/1.1\r\nhost: a.localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");
    expect(String((await once(socket, "data"))[0])).toMatch(/^HTTP\/1\.1 101 /);
    return { rest: text(socket).catch((error: NodeJS.ErrnoException) => error.code) };
  };
  const cut = await open();
  behind[0]?.resetAndDestroy();
  expect(["", "ECONNRESET"]).toContain(await cut.rest);
  const left = await open();
  await listening.close();
  expect(await left.rest).toBe("");
});

test("no connection to a service is kept for another request, as somebody else may have its address by then", async () => {
  const from = new Set<number | undefined>();
  const { upstream } = await service((incoming, response) => {
    from.add(incoming.socket.remotePort);
    response.end("x");
  });
  const { port } = await ingress(upstream);
  const agent = new Agent({ keepAlive: true });
  cleanUp.push(() => agent.destroy());
  for (let count = 0; count < 3; count++) await (await ask(port, { agent })).text();
  expect(from.size).toBe(3);
});

test("a target with a host in it is for that host", async () => {
  const { upstream } = await service((incoming, response) => response.end(incoming.url));
  const { port } = await ingress(upstream);
  const answer = await ask(port, { path: "http://a.localhost:8088/x?y", headers: { host: "b.localhost" } });
  expect(await answer.text()).toBe("/x?y");
});

test("a port that is taken is told as such", async () => {
  const { port } = await ingress({ host: "127.0.0.1", port: 1 });
  await expect(listenFor(() => undefined, { port, address: "127.0.0.1" })).rejects.toMatchObject({
    code: "port_in_use",
    message: expect.stringContaining(String(port)),
  });
});

test("closing lets a request under way end, and takes no new one", async () => {
  let finish = () => {};
  const { upstream } = await service((_, response) => {
    response.write("first ");
    finish = () => response.end("last");
  });
  const server = await ingress(upstream);
  const answer = await ask(server.port);
  const closed = server.close();
  await expect(ask(server.port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  finish();
  expect(await answer.text()).toBe("first last");
  await closed;
});

test("closing does not wait for connections that were opened ahead and never used", {
  // Less than requests under way are waited for.
  timeout: 4_500,
}, async () => {
  const { upstream } = await service((_, response) => response.end("fine"));
  const server = await ingress(upstream);
  const socket = connect(server.port, "127.0.0.1");
  const ended = once(socket, "close");
  // Connections are taken in turn: then that one is taken, too.
  await (await ask(server.port)).text();
  await server.close();
  await ended;
});
