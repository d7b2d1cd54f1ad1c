import { type Findings, suggestion } from "../text/findings.js";
import type { LocatedMap } from "../text/located.js";

/** The keys of one kind of map: those that are read, and those that previews leave out, with the reason. */
export interface Keys {
  readonly read: readonly string[];
  /** Without a reason it changes nothing for a preview, and nothing is said. */
  readonly leftOut?: Readonly<Record<string, string>>;
}

/** Unknown keys are problems with the nearest key; those that are left out are warnings. `x-…` is anybody's. */
export function checkKeys(map: LocatedMap, where: string, keys: Keys, findings: Findings): void {
  const front = where === "" ? "" : `${where}.`;
  const leftOut = keys.leftOut ?? {};
  for (const [key, { key: place, value }] of map.entries) {
    if (key.startsWith("x-") || keys.read.includes(key)) continue;
    const reason = Object.hasOwn(leftOut, key) ? leftOut[key] : undefined;
    if (reason === undefined) {
      const known = [...keys.read, ...Object.keys(leftOut)];
      const in_ = where === "" ? "" : `${where}: `;
      findings.problem(place, `${in_}found the key ${key}, which is not known${suggestion(key, known)}`);
      continue;
    }
    if (reason !== "" && !(value.kind === "scalar" && (value.value === false || value.value === null))) {
      findings.warn(place, `${front}${key} is left out: ${reason}`);
    }
  }
}

const rights = "a preview has few rights on its machine";
const own = "previews have a network of their own";
const limits = "previews have limits of their own; accepted: cpus and mem_limit";
const names = "previews give their own names";
const nothing = "";

export const topKeys: Keys = {
  read: ["services", "volumes", "networks", "configs", "secrets", "include"],
  leftOut: { version: nothing, name: nothing, models: "previews have no models" },
};

export const serviceKeys: Keys = {
  read: [
    "build",
    "command",
    "configs",
    "cpus",
    "depends_on",
    "deploy",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "healthcheck",
    "image",
    "links",
    "mem_limit",
    "networks",
    "ports",
    "profiles",
    "pull_policy",
    "restart",
    "scale",
    "secrets",
    "user",
    "volumes",
    "working_dir",
  ],
  leftOut: {
    annotations: nothing,
    attach: nothing,
    blkio_config: limits,
    cap_add: rights,
    cap_drop: nothing,
    cgroup: rights,
    cgroup_parent: rights,
    container_name: names,
    cpu_count: limits,
    cpu_percent: limits,
    cpu_period: limits,
    cpu_quota: limits,
    cpu_rt_period: limits,
    cpu_rt_runtime: limits,
    cpu_shares: limits,
    cpuset: limits,
    credential_spec: rights,
    develop: nothing,
    device_cgroup_rules: rights,
    devices: rights,
    dns: own,
    dns_opt: own,
    dns_search: own,
    domainname: own,
    external_links: own,
    extra_hosts: own,
    gpus: rights,
    group_add: rights,
    hostname: "services are reached by their names",
    init: nothing,
    ipc: rights,
    isolation: rights,
    label_file: "labels say nothing to a preview",
    labels: "labels say nothing to a preview",
    logging: "previews keep logs by themselves",
    mac_address: own,
    mem_reservation: limits,
    mem_swappiness: limits,
    memswap_limit: limits,
    models: "previews have no models",
    network_mode: own,
    oom_kill_disable: limits,
    oom_score_adj: limits,
    pid: rights,
    pids_limit: limits,
    platform: "previews run what their engine runs",
    post_start: "hooks are on_create and on_deploy of galley.yml",
    pre_stop: "hooks are on_create and on_deploy of galley.yml",
    privileged: rights,
    provider: "previews run containers",
    pull_refresh_after: nothing,
    read_only: "previews keep the file system writable",
    runtime: rights,
    security_opt: nothing,
    shm_size: limits,
    stdin_open: nothing,
    stop_grace_period: "how long old containers go on is the agent's setting",
    stop_signal: "the image's signal is sent",
    storage_opt: limits,
    sysctls: rights,
    tmpfs: "what is written there goes with the container anyway",
    tty: nothing,
    ulimits: limits,
    use_api_socket: rights,
    userns_mode: rights,
    uts: rights,
    volumes_from: "accepted: volumes with a name, which services may share",
  },
};

const builder = "how Galley builds is the agent's matter";

export const buildKeys: Keys = {
  read: ["args", "context", "dockerfile", "dockerfile_inline", "secrets", "target"],
  leftOut: {
    additional_contexts: "builds have one context",
    cache_from: "Galley keeps caches by itself",
    cache_to: "Galley keeps caches by itself",
    entitlements: rights,
    extra_hosts: builder,
    isolation: builder,
    labels: nothing,
    network: builder,
    no_cache: builder,
    no_cache_filter: builder,
    platforms: builder,
    privileged: rights,
    provenance: nothing,
    pull: nothing,
    sbom: nothing,
    shm_size: builder,
    ssh: "builds of previews have no ssh; accepted: secrets",
    tags: nothing,
    ulimits: builder,
  },
};

export const deployKeys: Keys = {
  read: ["replicas", "resources", "restart_policy"],
  leftOut: {
    endpoint_mode: nothing,
    labels: nothing,
    mode: nothing,
    placement: nothing,
    rollback_config: nothing,
    update_config: nothing,
  },
};

/** Of a network of the file; previews have one of their own. */
export const networkKeys: Keys = {
  read: [],
  leftOut: {
    attachable: nothing,
    driver: nothing,
    driver_opts: nothing,
    enable_ipv4: nothing,
    enable_ipv6: nothing,
    external: own,
    internal: nothing,
    ipam: nothing,
    labels: nothing,
    name: nothing,
  },
};

const volume = "the preview gets a volume of its own";

/** Of a volume of the file. */
export const volumeKeys: Keys = {
  read: [],
  leftOut: { driver: volume, driver_opts: volume, external: volume, labels: nothing, name: nothing },
};

/** Of a secret or a config of the file. */
export const mountedFileKeys: Keys = {
  read: ["file", "environment", "content", "external", "name"],
  leftOut: {
    labels: nothing,
    driver: "previews have none",
    driver_opts: "previews have none",
    template_driver: "previews have none",
  },
};
