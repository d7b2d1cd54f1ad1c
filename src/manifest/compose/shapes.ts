import { type Located, shown } from "../text/located.js";

type Shape = "boolean" | "list" | "map" | "list or map" | "list or text" | "map or boolean" | "map or text";

/** What the Compose Specification takes for keys that previews leave out, whatever they stand in; those that are not here take a text or a number. */
const shapes: Readonly<Record<string, Shape>> = {
  additional_contexts: "list or map",
  annotations: "list or map",
  attach: "boolean",
  attachable: "boolean",
  blkio_config: "map",
  cache_from: "list",
  cache_to: "list",
  cap_add: "list",
  cap_drop: "list",
  credential_spec: "map",
  develop: "map",
  device_cgroup_rules: "list",
  devices: "list",
  dns: "list or text",
  dns_opt: "list",
  dns_search: "list or text",
  driver_opts: "map",
  enable_ipv4: "boolean",
  enable_ipv6: "boolean",
  entitlements: "list",
  external: "map or boolean",
  external_links: "list",
  extra_hosts: "list or map",
  gpus: "list or text",
  group_add: "list",
  init: "boolean",
  internal: "boolean",
  ipam: "map",
  label_file: "list or text",
  labels: "list or map",
  logging: "map",
  models: "list or map",
  no_cache: "boolean",
  no_cache_filter: "list or text",
  oom_kill_disable: "boolean",
  placement: "map",
  platforms: "list",
  post_start: "list",
  pre_stop: "list",
  privileged: "boolean",
  provider: "map",
  pull: "boolean",
  read_only: "boolean",
  reservations: "map",
  rollback_config: "map",
  security_opt: "list",
  ssh: "list or map",
  stdin_open: "boolean",
  storage_opt: "map",
  sysctls: "list or map",
  tags: "list",
  tmpfs: "list or text",
  tty: "boolean",
  ulimits: "map",
  update_config: "map",
  use_api_socket: "boolean",
  volumes_from: "list",
};

const boolean = /^(?:true|false|yes|no|on|off|y|n|1|0)$/i;

/** What was found and what is accepted; undefined: it is what the specification takes, or nothing. */
export function misshapen(key: string, located: Located): string | undefined {
  if (located.kind === "scalar" && located.value === null) return undefined;
  const shape = Object.hasOwn(shapes, key) ? shapes[key] : undefined;
  const accepted = shape ?? "text";
  const fits =
    located.kind === "scalar"
      ? accepted.includes("text") ||
        // What a variable says is known later.
        (accepted.includes("boolean") && (boolean.test(located.text) || located.text.includes("$")))
      : accepted.includes(located.kind);
  return fits ? undefined : `found ${shown(located)}; accepted: ${wordsOf(accepted)}`;
}

const wordsOf = (accepted: string): string =>
  accepted
    .split(" or ")
    .map((one) => (one === "boolean" ? "true or false" : `a ${one}`))
    .join(" or ");
