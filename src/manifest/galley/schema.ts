import { z } from "zod";
import { pullPolicies, restartPolicies, serviceKinds } from "../manifest.js";
import { bytesOf, secondsOf } from "../units.js";

// What stands in a message is what is accepted: what was found is put before it.

/** A message that says all by itself. */
const sentence = (message: string) => ({ message, params: { sentence: true } });

export const serviceName = /^[a-z][a-z0-9-]{0,39}$/;

/** Relative, and never out of the repository. */
const insidePath = z
  .string("a path inside the repository")
  .regex(/^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\0\\]{1,500}$/, "a path inside the repository");
const absolutePath = z
  .string("an absolute path inside the container")
  .regex(/^\/(?!(?:.*\/)?\.\.(?:\/|$))[^\0:]{0,500}$/, "an absolute path inside the container");
const nameRule = "a name of letters, digits and _";
const variableName = z.string(nameRule).regex(/^[A-Za-z_][A-Za-z0-9_]*$/, nameRule);
const text = z.union([z.string(), z.number(), z.boolean()], "text, a number, true or false");
const listOfNames = "a list of names";
const secrets = z.array(variableName, listOfNames).max(100, "at most 100 names");
const texts = z.record(variableName, text, "a map of names and texts");
const commandRule = "a line for the shell, or a list of words";
const command = z.union(
  [
    z.string().min(1).max(10_000),
    z.array(text, "a list").min(1, "a list of at least one word").max(1_000, "at most 1000 words"),
  ],
  commandRule,
);
const portRule = "a port from 1 to 65535";
const port = z.int(portRule).min(1, portRule).max(65535, portRule);
const durationRule = "seconds from 1 to 3600, or a duration such as 90s or 5m";
const duration = z.union(
  [
    z.int().min(1, durationRule).max(3600, durationRule),
    z.string().refine((value) => {
      const found = secondsOf(value);
      return found !== undefined && found >= 1 && found <= 3600;
    }, durationRule),
  ],
  durationRule,
);
const cpusRule = "a number of CPUs such as 0.5 or 2";
const memoryRule = "bytes of at least 6m, such as 512m or 1.5g";
const smallestMemory = 6 * 1024 * 1024;

const build = z.strictObject(
  {
    path: insidePath.optional().describe("The build context, from the repository's root. Default: the root."),
    dockerfile: insidePath
      .optional()
      .describe(
        "The Dockerfile, from `path`. Default: `Dockerfile`. Where there is none, one is written for a language that is recognised.",
      ),
    target: z
      .string("the name of a stage")
      .min(1, "the name of a stage")
      .optional()
      .describe("Stage of the Dockerfile to build."),
    args: texts.optional().describe("Build arguments. Never secrets: they stay in the image's history."),
    secrets: secrets
      .optional()
      .describe("Secrets of the project that steps may mount (`RUN --mount=type=secret,id=NAME`)."),
    command: command
      .optional()
      .describe("Without a Dockerfile: how the application is built, after its dependencies are there."),
    start: command.optional().describe("Without a Dockerfile: how the application starts."),
  },
  "a map",
);

const health = z.strictObject(
  {
    path: z
      .string("a path that begins with /")
      .startsWith("/", "a path that begins with /")
      .describe("Asked for over HTTP on the port of `expose`."),
    status: z
      .int("a status from 100 to 599")
      .min(100, "a status from 100 to 599")
      .max(599, "a status from 100 to 599")
      .optional()
      .describe("The status that says it is well. Default: 200."),
    timeout: duration
      .optional()
      .describe("How long it may take until it is well: seconds, or a duration such as `90s`. Default: 60."),
  },
  "a map",
);

const resources = z.strictObject(
  {
    cpus: z
      .union(
        [
          z.number().min(0.01, cpusRule).max(512, cpusRule),
          z.string().regex(/^(?:0\.(?!0+$)\d{1,3}|[1-9]\d{0,2}(?:\.\d{1,3})?)$/, cpusRule),
        ],
        cpusRule,
      )
      .optional()
      .describe("CPUs it may use, such as `0.5`. Default: the project's, else the agent's."),
    memory: z
      .union(
        [
          z.int().min(smallestMemory, memoryRule),
          z.string().refine((value) => (bytesOf(value) ?? 0) >= smallestMemory, memoryRule),
        ],
        memoryRule,
      )
      .optional()
      .describe("Memory it may use, such as `512m` or `1.5g`. Default: the project's, else the agent's."),
  },
  "a map",
);

const dependencyConditions = [
  "healthy",
  "started",
  "completed",
  "service_healthy",
  "service_started",
  "service_completed_successfully",
] as const;
const dependsOn = z.union(
  [
    z.array(z.string("the name of a service"), "a list").max(100, "at most 100 services"),
    z.record(
      z.string(),
      z
        .strictObject(
          { condition: z.enum(dependencyConditions, "healthy, started or completed").optional() },
          "{condition: healthy, started or completed}",
        )
        .nullable(),
      "a map",
    ),
  ],
  "a list of services, or a map of services to {condition: healthy, started or completed}",
);

const volume = z.union(
  [
    absolutePath,
    z.strictObject(
      {
        name: z
          .string("a name")
          .regex(serviceName, `a name that matches ${serviceName.source}`)
          .optional()
          .describe("Shared by the services that give it."),
        target: absolutePath.describe("Where it is inside the container."),
        read_only: z.boolean("true or false").optional(),
      },
      "a map",
    ),
  ],
  "an absolute path inside the container, or {name, target, read_only}",
);

const service = z.strictObject(
  {
    kind: z
      .enum(serviceKinds, serviceKinds.join(", "))
      .optional()
      .describe(
        "What it is for. Only `web` (else `api`) services get a URL; databases keep their volumes. Absent: told from the image, with a warning.",
      ),
    build: build.optional().describe("How its image is built. Wins over `image`."),
    image: z
      .string("the name of an image")
      .regex(/^\S{1,500}$/, "the name of an image")
      .optional()
      .describe("The image it runs, where it is not built."),
    pull_policy: z
      .enum(pullPolicies, pullPolicies.join(", "))
      .optional()
      .describe(
        "When `image` is pulled: `always`, at each deployment; `missing`, when the engine has none of its name; `never`. Default: `missing`, but of the tag `latest` what its registry has now.",
      ),
    command: command
      .optional()
      .describe("Runs in place of the image's command: a line for the shell, or a list of words."),
    expose: port.optional().describe("The port inside the container that the URL and other services reach."),
    env: texts
      .optional()
      .describe(
        `Variables of the container. \`\${NAME}\` stands for a variable of Galley or a secret of the project; \`$$\` is a dollar.`,
      ),
    secrets: secrets
      .optional()
      .describe("Secrets of the project that it gets as variables of the same name."),
    depends_on: dependsOn
      .optional()
      .describe(
        "Services that have to be there first: healthy, unless a map says `{condition: started}` or `{condition: completed}`.",
      ),
    restart: z
      .union([z.enum(restartPolicies), z.literal(false)], restartPolicies.join(", "))
      .optional()
      .describe("When the container is started again after it has ended. Default: `unless-stopped`."),
    ephemeral: z
      .boolean("true or false")
      .optional()
      .describe("true: it keeps nothing from one deployment to the next. Default: false."),
    volumes: z
      .array(volume, "a list of volumes")
      .max(50, "at most 50 volumes")
      .optional()
      .describe(
        "What outlives a deployment: absolute paths inside the container, or `{name, target, read_only}` to share one. What a database's image declares is kept anyway.",
      ),
    health: health.optional().describe("Asked over HTTP until it answers, before anything is sent to it."),
    resources: resources.optional().describe("Limits of its container."),
  },
  "a map of what the service is",
);

const hook = z.strictObject(
  {
    service: z
      .string("the name of a service")
      .describe("Whose image, variables and volumes the command has."),
    command: command.describe("A line for the shell, or a list of words."),
    timeout: duration.optional().describe("Seconds, or a duration such as `5m`. Default: 600."),
  },
  "a map of service, command and timeout",
);
const hooks = z.union(
  [hook, z.array(hook, "a list").max(20, "at most 20 hooks")],
  "{service, command, timeout}, or a list of them",
);

export const galleySchema = z.strictObject(
  {
    version: z.literal(1, "1").describe("Version of this format: 1."),
    services: z
      .record(
        z.string().regex(serviceName, `a name that matches ${serviceName.source}`),
        service,
        "a map of services",
      )
      .refine((services) => Object.keys(services).length > 0, sentence("needs at least one service"))
      .refine(
        (services) => Object.keys(services).length <= 50,
        sentence("has too many services; accepted: at most 50"),
      )
      .describe("The services of a preview, by name. Each reaches the others by their names."),
    on_create: hooks
      .optional()
      .describe("Run once, when an environment is new: seeding a database, for example."),
    on_deploy: hooks
      .optional()
      .describe("Run at each deployment, before requests go to it: migrating a database, for example."),
  },
  "a map with version and services",
);

export type GalleyFile = z.infer<typeof galleySchema>;
export type GalleyService = z.infer<typeof service>;
