import { type Located, shown } from "../text/located.js";
import { checkKeys } from "./keys.js";
import type { Scope } from "./scope.js";
import { itemsOf, meantBy, textOf } from "./values.js";

export interface ServicePorts {
  /** Inside the container, of TCP, in the order of the file. */
  readonly published: readonly number[];
  readonly exposed: readonly number[];
}

const accepted = "a port such as 3000, 8080:3000 or 127.0.0.1:8080:3000/tcp";
const longKeys = { read: ["target", "published", "protocol", "mode", "host_ip", "name", "app_protocol"] };

/** The container's side of `ports` and `expose`. The host's side is left out, with a warning each. */
export function portsOf(
  scope: Scope,
  service: ReadonlyMap<string, { readonly value: Located }>,
  where: string,
): ServicePorts {
  const { findings } = scope;
  const published: number[] = [];
  for (const item of itemsOf(service.get("ports")?.value, `${where}.ports`, findings)) {
    const port =
      item.kind === "map"
        ? longPort(scope, item, `${where}.ports`)
        : shortPort(scope, item, `${where}.ports`);
    if (!port) continue;
    const { container, host, protocol } = port;
    if (host !== undefined) {
      findings.warn(
        item.place,
        `${where}.ports: the host's port ${host} is left out; the preview's URL leads to ${container}`,
      );
    }
    if (protocol !== "tcp")
      findings.warn(
        item.place,
        `${where}.ports: ${container}/${protocol} is left out: previews are reached over HTTP`,
      );
    else if (container !== undefined && !published.includes(container)) published.push(container);
  }
  const exposed: number[] = [];
  for (const item of itemsOf(service.get("expose")?.value, `${where}.expose`, findings)) {
    const read = (text: string) => portsIn(/^(.*?)(?:\/tcp)?$/.exec(text)?.[1] ?? "")?.[0];
    const text = textOf(item, `${where}.expose`, findings, "a port from 1 to 65535");
    if (text === undefined || /\/(?:udp|sctp)$/.test(text)) continue;
    const port = meantBy(item, `${where}.expose`, findings, read, "a port from 1 to 65535");
    if (port !== undefined) exposed.push(port);
  }
  return { published, exposed };
}

interface Port {
  readonly container: number | undefined;
  readonly host?: string | undefined;
  readonly protocol: string;
}

function shortPort({ findings }: Scope, item: Located, where: string): Port | undefined {
  const text = textOf(item, where, findings, accepted);
  if (text === undefined) return undefined;
  const [, address, host, container = "", protocol = "tcp"] =
    /^(?:(?:((?:\d{1,3}\.){3}\d{1,3}|\[[0-9a-fA-F:]+\]|[0-9a-fA-F:]+:):)?([\d-]*):)?([\d-]+)(?:\/(tcp|udp|sctp))?$/i.exec(
      text,
    ) ?? [];
  const found = portsIn(container);
  if (!found || (host && !portsIn(host))) {
    return void findings.problem(item.place, `${where}: found ${shown(item)}; accepted: ${accepted}`);
  }
  if (found.length > 1) {
    findings.warn(
      item.place,
      `${where}: of the ports ${container} the first is taken: a service exposes one`,
    );
  }
  const at = [address, host].filter((part) => part !== undefined && part !== "").join(":");
  return { container: found[0], host: at === "" ? undefined : at, protocol: protocol.toLowerCase() };
}

function longPort(
  { findings }: Scope,
  item: Located & { readonly kind: "map" },
  where: string,
): Port | undefined {
  checkKeys(item, where, longKeys, findings);
  const value = (key: string) => item.entries.get(key)?.value;
  const container = meantBy(
    value("target"),
    `${where}.target`,
    findings,
    (text) => portsIn(text)?.[0],
    "a port from 1 to 65535",
  );
  if (container === undefined && !value("target")) {
    return void findings.problem(item.place, `${where}.target: is missing; accepted: a port from 1 to 65535`);
  }
  const host = textOf(value("published"), `${where}.published`, findings, "a port");
  const protocol = textOf(value("protocol"), `${where}.protocol`, findings, "tcp or udp") ?? "tcp";
  return { container, host: host === "" ? undefined : host, protocol };
}

/** `3000` and `3000-3005`, which is at most a hundred. */
function portsIn(text: string): readonly number[] | undefined {
  const [, first = "", last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === "" || from < 1 || to > 65535 || to < from || to - from > 100) return undefined;
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
