import type { Shape } from "./shape.js";

// What the Compose Specification has, in our own words; test/compose/agrees.test.ts holds it to the schema that docker compose carries. Of most lists
// docker compose drops what stands there twice before it looks: only where it does not is a list `distinct`.

const any = (...shapes: readonly Shape[]): Shape => ({ any: shapes });

const number = any("number", "text");
const whole = any("whole number", "text");
const texts: Shape = { list: "text" };
const distinct: Shape = { list: "text", distinct: true };
const textOrTexts = any("text", texts);
const values: Shape = { each: any("text", "number", "flag", "nothing") };
const pairs = any(values, texts);
const distinctPairs = any(values, distinct);
const command = any("nothing", "text", texts);
const hosts = any({ each: any("text", texts) }, distinct);
const options: Shape = { each: any("text", "number") };
const name = /^[a-zA-Z0-9._-]+$/;

const ulimits: Shape = {
  each: any("whole number", "text", { map: { soft: whole, hard: whole }, needed: ["soft", "hard"] }),
};
const file: Shape = {
  map: { source: "text", target: "text", uid: "text", gid: "text", mode: number },
};
const files: Shape = { list: any("text", file) };
const hook: Shape = {
  map: { command, user: "text", privileged: "flag", working_dir: "text", environment: distinctPairs },
};
const device = {
  capabilities: distinct,
  count: whole,
  device_ids: distinct,
  driver: "text",
  options: distinctPairs,
} as const;

const build: Shape = {
  map: {
    additional_contexts: pairs,
    args: pairs,
    cache_from: texts,
    cache_to: texts,
    context: "text",
    dockerfile: "text",
    dockerfile_inline: "text",
    entitlements: texts,
    extra_hosts: hosts,
    isolation: "text",
    labels: pairs,
    network: "text",
    no_cache: "flag",
    no_cache_filter: textOrTexts,
    platforms: texts,
    privileged: "flag",
    provenance: any("flag", "text"),
    pull: "flag",
    sbom: any("flag", "text"),
    secrets: files,
    shm_size: whole,
    ssh: distinctPairs,
    tags: texts,
    target: "text",
    ulimits,
  },
};

const healthcheck: Shape = {
  map: {
    disable: "flag",
    interval: "text",
    retries: number,
    start_interval: "text",
    start_period: "text",
    test: any("text", texts),
    timeout: "text",
  },
};

const rollout: Shape = {
  map: {
    delay: "text",
    failure_action: "text",
    max_failure_ratio: number,
    monitor: "text",
    order: { words: ["start-first", "stop-first"] },
    parallelism: whole,
  },
};
const deploy = any("nothing", {
  map: {
    endpoint_mode: "text",
    labels: pairs,
    mode: "text",
    placement: {
      map: {
        constraints: texts,
        max_replicas_per_node: whole,
        preferences: { list: { map: { spread: "text" } } },
      },
    },
    replicas: whole,
    resources: {
      map: {
        limits: { map: { cpus: number, memory: "text", pids: whole } },
        reservations: {
          map: {
            cpus: number,
            devices: { list: { map: device, needed: ["capabilities"] } },
            generic_resources: {
              list: { map: { discrete_resource_spec: { map: { kind: "text", value: number } } } },
            },
            memory: "text",
          },
        },
      },
    },
    restart_policy: { map: { condition: "text", delay: "text", max_attempts: whole, window: "text" } },
    rollback_config: rollout,
    update_config: rollout,
  },
});

const develop = any("nothing", {
  map: {
    watch: {
      list: {
        map: {
          action: { words: ["rebuild", "sync", "restart", "sync+restart", "sync+exec"] },
          exec: hook,
          ignore: any("text", texts),
          include: any("text", texts),
          initial_sync: "flag",
          path: "text",
          target: "text",
        },
        needed: ["path", "action"],
      },
    },
  },
});

const limit = { list: { map: { path: "text", rate: whole }, plain: true } } as const;
const weight = { list: { map: { path: "text", weight: whole }, plain: true } } as const;

const dependency: Shape = {
  map: {
    condition: { words: ["service_started", "service_healthy", "service_completed_successfully"] },
    required: "flag",
    restart: "flag",
  },
  needed: ["condition"],
};
const attachment = any("nothing", {
  map: {
    aliases: texts,
    driver_opts: options,
    gw_priority: "number",
    interface_name: "text",
    ipv4_address: "text",
    ipv6_address: "text",
    link_local_ips: texts,
    mac_address: "text",
    priority: "number",
  },
});
const port: Shape = {
  map: {
    app_protocol: "text",
    host_ip: "text",
    mode: "text",
    name: "text",
    protocol: "text",
    published: whole,
    target: whole,
  },
};
const mount: Shape = {
  map: {
    bind: {
      map: {
        create_host_path: "flag",
        propagation: "text",
        recursive: { words: ["enabled", "disabled", "writable", "readonly"] },
        selinux: { words: ["z", "Z"] },
      },
    },
    consistency: "text",
    image: { map: { subpath: "text" } },
    read_only: "flag",
    source: "text",
    target: "text",
    tmpfs: { map: { mode: number, size: any({ least: 0, most: Number.MAX_SAFE_INTEGER }, "text") } },
    type: "text",
    volume: { map: { labels: pairs, nocopy: "flag", subpath: "text" } },
  },
  needed: ["type"],
};

const service: Shape = {
  map: {
    annotations: pairs,
    attach: "flag",
    blkio_config: {
      map: {
        device_read_bps: limit,
        device_read_iops: limit,
        device_write_bps: limit,
        device_write_iops: limit,
        weight: whole,
        weight_device: weight,
      },
      plain: true,
    },
    build: any("text", build),
    cap_add: texts,
    cap_drop: texts,
    cgroup: { words: ["host", "private"] },
    cgroup_parent: "text",
    command,
    configs: files,
    container_name: "text",
    cpu_count: any("text", { least: 0, most: Number.MAX_SAFE_INTEGER }),
    cpu_percent: any("text", { least: 0, most: 100 }),
    cpu_period: number,
    cpu_quota: number,
    cpu_rt_period: number,
    cpu_rt_runtime: number,
    cpu_shares: number,
    cpus: number,
    cpuset: "text",
    credential_spec: { map: { config: "text", file: "text", registry: "text" } },
    depends_on: any(distinct, { each: dependency, names: name }),
    deploy,
    develop,
    device_cgroup_rules: distinct,
    devices: {
      list: any("text", {
        map: { permissions: "text", source: "text", target: "text" },
        needed: ["source"],
      }),
    },
    dns: textOrTexts,
    dns_opt: texts,
    dns_search: textOrTexts,
    domainname: "text",
    entrypoint: command,
    env_file: any("text", {
      list: any("text", {
        map: { format: "text", path: "text", required: "flag" },
        needed: ["path"],
      }),
    }),
    environment: pairs,
    expose: { list: number },
    extends: any("text", { map: { file: "text", service: "text" }, needed: ["service"] }),
    external_links: distinct,
    extra_hosts: hosts,
    gpus: any({ words: ["all"] }, { list: { map: device, open: true } }),
    group_add: { list: number, distinct: true },
    healthcheck,
    hostname: "text",
    image: "text",
    init: "flag",
    ipc: "text",
    isolation: "text",
    label_file: any("text", texts),
    labels: pairs,
    links: texts,
    logging: { map: { driver: "text", options: { each: any("text", "number", "nothing") } } },
    mac_address: "text",
    mem_limit: number,
    mem_reservation: whole,
    mem_swappiness: whole,
    memswap_limit: number,
    models: any(texts, {
      each: any("nothing", { map: { endpoint_var: "text", model_var: "text" } }),
      names: name,
    }),
    network_mode: "text",
    networks: any(distinct, { each: attachment, names: name }),
    oom_kill_disable: "flag",
    oom_score_adj: any("text", { least: -1_000, most: 1_000 }),
    pid: any("text", "nothing"),
    pids_limit: number,
    platform: "text",
    ports: { list: any("number", "text", port) },
    post_start: { list: hook },
    pre_stop: { list: hook },
    privileged: "flag",
    profiles: texts,
    provider: {
      map: {
        options: { each: any("text", "number", "flag", { list: any("text", "number", "flag") }) },
        type: "text",
      },
      needed: ["type"],
    },
    pull_policy: {
      like: /^(?:always|never|if_not_present|build|missing|refresh|daily|weekly|every_\w{1,30})$/,
      accepted: "always, missing, never, if_not_present, daily, weekly, every_<duration>, build",
    },
    pull_refresh_after: "text",
    read_only: "flag",
    restart: "text",
    runtime: "text",
    scale: whole,
    secrets: files,
    security_opt: distinct,
    shm_size: number,
    stdin_open: "flag",
    stop_grace_period: "text",
    stop_signal: "text",
    storage_opt: { each: "anything" },
    sysctls: pairs,
    tmpfs: textOrTexts,
    tty: "flag",
    ulimits,
    use_api_socket: "flag",
    user: "text",
    userns_mode: "text",
    uts: "text",
    volumes: { list: any("text", mount) },
    volumes_from: distinct,
    working_dir: "text",
  },
};

const external = any("flag", { map: { name: "text" } });
const keptElsewhere = any("flag", { map: { name: "text" }, open: true });

const network = any("nothing", {
  map: {
    attachable: "flag",
    driver: "text",
    driver_opts: options,
    enable_ipv4: "flag",
    enable_ipv6: "flag",
    external,
    internal: "flag",
    ipam: {
      map: {
        config: {
          list: {
            map: {
              aux_addresses: { each: "text" },
              gateway: "text",
              ip_range: "text",
              subnet: "text",
            },
          },
        },
        driver: "text",
        options: { each: "text" },
      },
    },
    labels: pairs,
    name: "text",
  },
});

const volume = any("nothing", {
  map: { driver: "text", driver_opts: options, external, labels: distinctPairs, name: "text" },
});

const mounted = {
  content: "text",
  driver: "text",
  driver_opts: options,
  environment: "text",
  external: keptElsewhere,
  file: "text",
  labels: distinctPairs,
  name: "text",
  template_driver: "text",
} as const;

/** A compose file as a whole. */
export const specification: Shape = {
  map: {
    configs: { each: { map: mounted }, names: name },
    include: {
      list: any("text", {
        map: { env_file: textOrTexts, path: textOrTexts, project_directory: "text" },
        plain: true,
      }),
    },
    models: { each: { map: {}, open: true }, names: name },
    name: "text",
    networks: { each: network },
    secrets: { each: { map: mounted }, names: name },
    services: { each: service, names: name },
    version: "text",
    volumes: { each: volume, names: name },
  },
};
