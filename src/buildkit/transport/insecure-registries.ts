import { BlockList, isIP } from "node:net";

/** Whether an engine takes a registry (`host` or `host:port`) over plain http or with any certificate. */
export type InsecureRegistries = (registry: string) => boolean;

/**
 * Reads `RegistryConfig` of an engine's `GET /info`: registries by name (`IndexConfigs`, those that are not `Secure`) and
 * networks (`InsecureRegistryCIDRs`, loopback always among them). What has another shape names none. A registry counts for a
 * network only when its address is written as one: the engine, which looks names up, may see more of them so.
 */
export function insecureRegistries(info: unknown): InsecureRegistries {
  const config = field(info, "RegistryConfig");
  const indexes = Object.entries(Object(field(config, "IndexConfigs")));
  const named = new Set(
    indexes.filter(([, index]) => field(index, "Secure") === false).map(([name]) => name.toLowerCase()),
  );
  const networks = new BlockList();
  const cidrs = field(config, "InsecureRegistryCIDRs");
  for (const cidr of Array.isArray(cidrs) ? cidrs : []) {
    const [address = "", prefix = ""] = String(cidr).split("/");
    const family = familyOf(address);
    if (family === undefined || !/^\d{1,3}$/.test(prefix)) continue;
    if (Number(prefix) <= (family === "ipv4" ? 32 : 128)) networks.addSubnet(address, Number(prefix), family);
  }
  return (registry) => {
    if (named.has(registry.toLowerCase())) return true;
    const host = registry.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
    const family = familyOf(host);
    return family !== undefined && networks.check(host, family);
  };
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? "ipv4" : "ipv6";
}

/** A property of what may not even be an object. */
function field(of: unknown, name: string): unknown {
  if (typeof of !== "object" || of === null || !Object.hasOwn(of, name)) return undefined;
  return (of as Record<string, unknown>)[name];
}
