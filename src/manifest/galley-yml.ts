import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { GalleyError } from "../errors/index.js";
import { type Manifest, type Service, serviceKinds } from "./manifest.js";

const name = /^[a-z][a-z0-9-]{0,39}$/;
/** A path inside the repository: relative, and never out of it. */
const insidePath = z
  .string()
  .min(1)
  .refine((path) => !path.startsWith("/") && !path.split("/").includes(".."), {
    message: "must be a path inside the repository",
  });
const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a name of letters, digits and _");
/** Secrets of the project, by name. */
const secrets = z.array(variableName).max(100).default([]);
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const serviceSchema = z
  .strictObject({
    kind: z.enum(serviceKinds).default("other"),
    build: z
      .strictObject({
        path: insidePath.default("."),
        dockerfile: insidePath.default("Dockerfile"),
        target: z.string().optional(),
        args: z.record(z.string(), text).default({}),
        secrets,
      })
      .optional(),
    image: z.string().min(1).optional(),
    command: z.union([z.string().transform((line) => ["/bin/sh", "-c", line]), z.array(text)]).optional(),
    expose: z.int().min(1).max(65535).optional(),
    env: z.record(variableName, text).default({}),
    secrets,
    depends_on: z.array(z.string()).default([]),
    health: z
      .strictObject({
        path: z.string().startsWith("/"),
        status: z.int().min(100).max(599).default(200),
        timeout: z.int().min(1).max(3600).default(60),
      })
      .optional(),
  })
  .refine((service) => service.build !== undefined || service.image !== undefined, {
    message: "needs `build` or `image`",
  })
  .refine((service) => service.health === undefined || service.expose !== undefined, {
    message: "`health.path` needs the port in `expose`",
    path: ["health"],
  });

const manifestSchema = z.strictObject({
  version: z.literal(1),
  services: z
    .record(z.string().regex(name, `must match ${name.source}`), serviceSchema)
    .refine((services) => Object.keys(services).length > 0, { message: "needs at least one service" }),
});

/** Bytes; a manifest is a page of text, and hostile ones are not read further. */
const MAX_BYTES = 256 * 1024;

/**
 * Reads the text of a `galley.yml` (version 1). Throws `manifest_invalid` with every error of the file at once, each with
 * line and column.
 */
export function parseManifest(source: string, file = "galley.yml"): Manifest {
  if (Buffer.byteLength(source) > MAX_BYTES) {
    throw new GalleyError("manifest_invalid", `${file} is larger than ${MAX_BYTES / 1024} KiB`);
  }
  const lines = new LineCounter();
  const document = parseDocument(source, {
    lineCounter: lines,
    uniqueKeys: true,
    maxAliasCount: 50,
  } as never);
  if (document.errors.length > 0) {
    throw invalid(
      document.errors.map((error) => {
        const at = lines.linePos(error.pos[0]);
        return `${file}:${at.line}:${at.col}: ${error.message.split("\n")[0]?.replace(/ at line .*$/, "")}`;
      }),
    );
  }
  let value: unknown;
  try {
    // Aliases are counted while they are expanded: a few lines must not become gigabytes.
    value = document.toJS({ maxAliasCount: 50 });
  } catch (error) {
    throw invalid([`${file}: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const result = manifestSchema.safeParse(value);
  if (!result.success) {
    throw invalid(
      result.error.issues.map((issue) => {
        const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
        return `${position(path)}${path.join(".") || "the file"}: ${issue.message}`;
      }),
    );
  }
  const services = Object.entries(result.data.services).map(
    ([name, service]): Service => ({
      name,
      kind: service.kind,
      build: service.build,
      image: service.image,
      command: service.command,
      expose: service.expose,
      env: service.env,
      secrets: service.secrets,
      dependsOn: service.depends_on.map((needed) => ({ service: needed, until: "healthy" as const })),
      health: service.health && {
        path: service.health.path,
        status: service.health.status,
        timeoutSeconds: service.health.timeout,
      },
    }),
  );
  return { services };

  function position(path: (string | number)[]): string {
    for (let depth = path.length; depth >= 0; depth--) {
      const node = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true);
      const range = (node as { range?: [number, number, number] } | null | undefined)?.range;
      if (range) {
        const at = lines.linePos(range[0]);
        return `${file}:${at.line}:${at.col}: `;
      }
    }
    return `${file}: `;
  }
}

function invalid(problems: readonly string[]): GalleyError {
  return new GalleyError("manifest_invalid", problems.join("\n"), {
    hint: "Every problem of the file is listed; mend them and run again.",
  });
}
