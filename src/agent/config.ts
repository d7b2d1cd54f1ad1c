import { z } from "zod";
import { GalleyError } from "../errors/index.js";
import {
  boolean,
  isRegistryPath,
  leastMemory,
  memoryBytes,
  size,
  url,
  whole,
  within,
} from "./setting-values.js";

/** What an agent is told by its environment (DESIGN §6), checked. */
export interface AgentConfig {
  /** Without a slash at the end. */
  readonly controlPlaneUrl: string;
  /** Servers of the bus; one is enough, the others of a cluster are learnt from it. */
  readonly natsUrls: readonly string[];
  /** Certificates, PEM, of the authorities that sign those of the bus; absent: the well-known ones. */
  readonly natsCa: string | undefined;
  /** Bootstrap token; may be absent where the data directory holds a credential already. */
  readonly token: string | undefined;
  readonly dataDirectory: string;
  readonly publicNetwork: string;
  /** Subnets of previews come from here. */
  readonly previewPool: string;
  /** Image with `node` from which health is asked; absent: from this process. */
  readonly probeImage: string | undefined;
  /** Who sets the rules that keep previews from the engine's machine: `auto`, `off`, `host`, or an image. */
  readonly firewall: string;
  readonly tlsEnabled: boolean;
  /** Names of the proxy's entry points; absent: the usual ones. */
  readonly entrypoints: readonly string[] | undefined;
  readonly certResolver: string | undefined;
  readonly maxParallelBuilds: number;
  /** Bytes that stored caches may take, all together and one repository's. */
  readonly cacheBudget: number;
  readonly cacheShare: number;
  /** `host/path` below which layers of repositories go to a registry, too; absent: to none. */
  readonly cacheRegistry: string | undefined;
  /** Bytes of disk below which no job is taken. */
  readonly minFreeDisk: number;
  /** For services that pin none. */
  readonly defaultCpus: number;
  /** Bytes, for services that pin none. */
  readonly defaultMemory: number;
  /** Milliseconds that running deployments get to finish after SIGTERM. */
  readonly drainMs: number;
  /** Milliseconds that replaced containers go on after the routes have switched. */
  readonly switchMs: number;
  /** Unix socket at which `galley ingress` says when requests have moved; absent: the proxy cannot be asked. */
  readonly ingressSocket: string | undefined;
  /** Port on 127.0.0.1 of /healthz and /metrics; 0: any free one. */
  readonly healthPort: number;
  readonly allowLocalRepositories: boolean;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

interface About {
  readonly accepted: string;
  readonly meaning: string;
  readonly fallback?: string;
  /** Its value is never repeated. */
  readonly secret?: boolean;
}

const variable = <Schema extends z.ZodType<unknown, string | undefined>>(schema: Schema, about: About) => ({
  about,
  schema: z.preprocess((value) => value ?? about.fallback, schema),
});

const variables = {
  GALLEY_CONTROL_PLANE_URL: variable(
    z
      .string()
      .refine((text) => url(text, ["http:", "https:"]))
      .transform((text) => text.replace(/\/+$/, "")),
    { accepted: "an http:// or https:// URL", meaning: "Where the server's API is." },
  ),
  GALLEY_NATS_URL: variable(
    z
      .string()
      .transform((text) => text.split(",").map((part) => part.trim()))
      .refine((urls) => urls.every((text) => url(text, ["nats:", "tls:"]))),
    {
      accepted: "one or more nats:// or tls:// URLs, separated by commas",
      meaning: "Servers of the bus.",
    },
  ),
  GALLEY_NATS_CA: variable(
    z
      .string()
      .refine((path) => path.startsWith("/"))
      .optional(),
    {
      accepted: "the absolute path of a PEM file",
      meaning:
        "Certificates of the authorities that sign the bus's; with it, a bus without TLS is refused. Absent: the well-known authorities.",
    },
  ),
  GALLEY_AGENT_TOKEN: variable(
    z
      .string()
      .regex(/^galley_agt_[0-9A-Za-z]{16,128}$/)
      .optional(),
    {
      accepted: "a bootstrap token, `galley_agt_…`",
      meaning:
        "Shown once by `galley agent new`. Exchanged for a credential that is kept in the data directory; needed again when that is deleted.",
      secret: true,
    },
  ),
  GALLEY_DATA_DIR: variable(
    z.string().refine((path) => path.startsWith("/")),
    {
      accepted: "an absolute path",
      meaning: "Credential, unsent events, mirrors and caches. Deleting it costs time, nothing else.",
      fallback: "/var/lib/galley",
    },
  ),
  GALLEY_PUBLIC_NETWORK: variable(z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/), {
    accepted: "the name of a Docker network",
    meaning: "The network on which the proxy is found.",
    fallback: "galley-public",
  }),
  GALLEY_PREVIEW_POOL: variable(z.string().regex(/^\d{1,3}(\.\d{1,3}){3}\/([89]|1\d|2[0-4])$/), {
    accepted: "an IPv4 subnet from /8 to /24, such as 10.213.0.0/16",
    meaning: "Where the networks of previews get their subnets; nothing else may use it.",
    fallback: "10.213.0.0/16",
  }),
  GALLEY_PROBE_IMAGE: variable(
    z
      .string()
      .regex(/^\S{1,255}$/)
      .optional(),
    {
      accepted: "an image with node in its PATH",
      meaning:
        "Services are asked for their health from a container of it. Absent: an agent in a container takes its own image, any other asks by itself.",
    },
  ),
  GALLEY_FIREWALL: variable(z.string().min(1).max(300), {
    accepted: "auto, off, host, or an image with a shell and iptables",
    meaning:
      "Who sets the firewall rules that keep previews from the engine's machine and from each other: the agent itself as root (auto says so where it cannot), or a container of an image. For an agent in a container, auto is its own image.",
    fallback: "auto",
  }),
  GALLEY_TLS_ENABLED: variable(boolean, {
    accepted: "true or false",
    meaning: "Previews are served over https by the proxy.",
    fallback: "false",
  }),
  GALLEY_ENTRYPOINTS: variable(
    z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}(?:,[A-Za-z0-9_-]{1,64}){0,9}$/)
      .transform((names) => names.split(","))
      .optional(),
    {
      accepted: "names of entry points of the proxy, separated by commas",
      meaning: "Where the proxy takes requests for previews; absent: `websecure` with TLS, else `web`.",
    },
  ),
  GALLEY_CERT_RESOLVER: variable(
    z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/)
      .optional(),
    {
      accepted: "the name of a certificate resolver of the proxy",
      meaning: "Where the proxy gets certificates; absent: it has one for all previews.",
    },
  ),
  GALLEY_MAX_PARALLEL_BUILDS: variable(whole.refine(within(1, 64)), {
    accepted: "a whole number from 1 to 64",
    meaning: "Deployments at once, and builds of services at once across all of them.",
    fallback: "4",
  }),
  GALLEY_CACHE_BUDGET: variable(size, {
    accepted: "a size such as 500m or 20g; 0 to store nothing",
    meaning:
      "Disk that all repositories may take together with stored cache mounts, BuildKit's cache mounts and images kept for the next build. What was used longest ago goes first.",
    fallback: "20g",
  }),
  GALLEY_CACHE_BUDGET_PER_REPOSITORY: variable(size.optional(), {
    accepted: "a size such as 5g",
    meaning: "The same for each repository; absent: half of GALLEY_CACHE_BUDGET.",
  }),
  GALLEY_CACHE_REGISTRY: variable(
    z
      .string()
      .transform((text) => text.replace(/\/+$/, ""))
      .refine(isRegistryPath)
      .optional(),
    {
      accepted: "the host of a registry and a path, such as registry.example.org/galley-cache",
      meaning:
        "Layers of builds go there, too, each repository's under a name of its own, and come from there when none are stored here; with the project's login for that host. Absent: to no registry.",
    },
  ),
  GALLEY_MIN_FREE_DISK: variable(size, {
    accepted: "a size such as 2g; 0 to claim whatever the disk says",
    meaning:
      "No job is claimed while the disk of GALLEY_DATA_DIR, or the engine's, has less room than this; what is kept for repositories is removed first. With less than half of it, builds that are under way are ended, those of forks first.",
    fallback: "1g",
  }),
  GALLEY_DEFAULT_CPUS: variable(
    z
      .string()
      .regex(/^\d+(\.\d+)?$/)
      .transform(Number)
      .refine(within(0.01, 1024)),
    {
      accepted: "a number from 0.01 to 1024",
      meaning: "CPUs of a service that pins none.",
      fallback: "1.5",
    },
  ),
  GALLEY_DEFAULT_MEMORY: variable(
    z
      .string()
      .transform(memoryBytes)
      .refine(within(leastMemory, 2 ** 50)),
    {
      accepted: "a size of at least 6m, such as 512m or 1.5g",
      meaning: "Memory of a service that pins none.",
      fallback: "1g",
    },
  ),
  GALLEY_DRAIN_SECONDS: variable(whole.refine(within(0, 86_400)), {
    accepted: "a whole number from 0 to 86400",
    meaning:
      "How long running deployments get to finish after SIGTERM; what has not by then is handed back. A second signal ends at once.",
    fallback: "300",
  }),
  GALLEY_SWITCH_SECONDS: variable(whole.refine(within(0, 600)), {
    accepted: "a whole number from 0 to 600",
    meaning:
      "How long replaced containers go on after the routes have switched: three for the proxy to notice, the rest for requests that they have begun to answer.",
    fallback: "8",
  }),
  GALLEY_INGRESS_SOCKET: variable(
    z
      .string()
      .regex(/^\/[^\0]{1,99}$/)
      .optional(),
    {
      accepted: "an absolute path of at most 100 characters",
      meaning:
        "Where `galley ingress --socket` on this machine says when requests have moved: replaced containers then go as soon as they have answered, and GALLEY_SWITCH_SECONDS is the most. Not for Traefik.",
    },
  ),
  GALLEY_HEALTH_PORT: variable(whole.refine(within(0, 65_535)), {
    accepted: "a port; 0 for any free one",
    meaning: "Where /healthz and /metrics answer, on 127.0.0.1.",
    fallback: "9465",
  }),
  GALLEY_ALLOW_LOCAL_REPOSITORIES: variable(boolean, {
    accepted: "true or false",
    meaning:
      "Whether a project's repository may be a path of this machine, where the server allows it, too. For trying things out.",
    fallback: "false",
  }),
  GALLEY_LOG_LEVEL: variable(z.enum(["debug", "info", "warn", "error"]), {
    accepted: "debug, info, warn or error",
    meaning: "How much is logged.",
    fallback: "info",
  }),
};

type VariableName = keyof typeof variables;
const names = Object.keys(variables) as VariableName[];

const configSchema = z
  .object(
    Object.fromEntries(names.map((name) => [name, variables[name].schema])) as {
      [Name in VariableName]: (typeof variables)[Name]["schema"];
    },
  )
  .transform(
    (found): AgentConfig => ({
      controlPlaneUrl: found.GALLEY_CONTROL_PLANE_URL,
      natsUrls: found.GALLEY_NATS_URL,
      natsCa: found.GALLEY_NATS_CA,
      token: found.GALLEY_AGENT_TOKEN,
      dataDirectory: found.GALLEY_DATA_DIR,
      publicNetwork: found.GALLEY_PUBLIC_NETWORK,
      previewPool: found.GALLEY_PREVIEW_POOL,
      probeImage: found.GALLEY_PROBE_IMAGE,
      firewall: found.GALLEY_FIREWALL,
      tlsEnabled: found.GALLEY_TLS_ENABLED,
      entrypoints: found.GALLEY_ENTRYPOINTS,
      certResolver: found.GALLEY_CERT_RESOLVER,
      maxParallelBuilds: found.GALLEY_MAX_PARALLEL_BUILDS,
      cacheBudget: found.GALLEY_CACHE_BUDGET,
      cacheShare: found.GALLEY_CACHE_BUDGET_PER_REPOSITORY ?? Math.floor(found.GALLEY_CACHE_BUDGET / 2),
      cacheRegistry: found.GALLEY_CACHE_REGISTRY,
      minFreeDisk: found.GALLEY_MIN_FREE_DISK,
      defaultCpus: found.GALLEY_DEFAULT_CPUS,
      defaultMemory: found.GALLEY_DEFAULT_MEMORY,
      drainMs: found.GALLEY_DRAIN_SECONDS * 1000,
      switchMs: found.GALLEY_SWITCH_SECONDS * 1000,
      ingressSocket: found.GALLEY_INGRESS_SOCKET,
      healthPort: found.GALLEY_HEALTH_PORT,
      allowLocalRepositories: found.GALLEY_ALLOW_LOCAL_REPOSITORIES,
      logLevel: found.GALLEY_LOG_LEVEL,
    }),
  );

/**
 * Reads the agent's environment. An empty variable counts as one that is not set, as compose files pass them.
 *
 * @throws GalleyError config_invalid that names every bad variable at once: what was found, and what is accepted
 */
export function parseAgentConfig(env: Readonly<Record<string, string | undefined>>): AgentConfig {
  const given = Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name].trim()]] : [])));
  const result = configSchema.safeParse(given);
  if (result.success) return result.data;
  const bad = names.filter((name) => result.error.issues.some(({ path }) => path[0] === name));
  const lines = bad.map(
    (name) => `${name} ${foundIn(given, name)}: accepted is ${variables[name].about.accepted}`,
  );
  throw new GalleyError("config_invalid", `The agent's environment is not valid.\n${lines.join("\n")}`, {
    hint: "Correct the variables that are named and start the agent again.",
  });
}

/**
 * What GALLEY_CACHE_BUDGET and GALLEY_CACHE_BUDGET_PER_REPOSITORY say, whatever else is missing. Bytes.
 *
 * @throws GalleyError config_invalid
 */
export function parseCacheBudget(env: Readonly<Record<string, string | undefined>>): {
  readonly all: number;
  readonly repository: number;
} {
  // The rest is not looked at, but has to be there.
  const rest = { GALLEY_CONTROL_PLANE_URL: "http://localhost", GALLEY_NATS_URL: "nats://localhost" };
  const { GALLEY_CACHE_BUDGET, GALLEY_CACHE_BUDGET_PER_REPOSITORY } = env;
  return budgetOf(parseAgentConfig({ ...rest, GALLEY_CACHE_BUDGET, GALLEY_CACHE_BUDGET_PER_REPOSITORY }));
}

export const budgetOf = ({ cacheBudget, cacheShare }: Pick<AgentConfig, "cacheBudget" | "cacheShare">) => ({
  all: cacheBudget,
  repository: cacheShare,
});

const longestShown = 100;

function foundIn(given: Readonly<Record<string, string>>, name: VariableName): string {
  const value = given[name];
  if (value === undefined) return "is not set";
  if (variables[name].about.secret) return `has ${value.length} characters that are no such token`;
  // A password in a URL is nobody's business.
  const shown = value.replace(/:\/\/[^/@\s]*@/g, "://***@").slice(0, longestShown);
  return `is ${JSON.stringify(shown)}`;
}

export interface VariableDescription extends About {
  readonly name: string;
}

/** The variables in the order of the documentation, which is made from this. */
export function describeAgentConfig(): readonly VariableDescription[] {
  return names.map((name) => ({ name, ...variables[name].about }));
}
