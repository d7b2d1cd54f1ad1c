import { resolve } from "node:path";
import { type ContextTree, createDirectoryTree, parseContextArgument } from "../buildkit/index.js";
import {
  filesOfTree,
  formatFinding,
  galleyJsonSchema,
  type Manifest,
  readManifest,
  type Service,
} from "../manifest/index.js";
import { createGitTree } from "../source/index.js";
import { exitCode } from "./exit-codes.js";
import { plainText } from "./plain-text.js";
import { print } from "./print.js";
import { type Cell, painted, table } from "./table.js";
import { usageError } from "./usage-error.js";
import { interruptible } from "./with-server.js";

export interface CheckFlags {
  readonly json?: boolean;
  readonly schema?: boolean;
}

/** Runs `galley check` and returns the exit code. */
export async function runCheck(
  argument: string,
  flags: CheckFlags,
  process: NodeJS.Process,
): Promise<number> {
  if (flags.schema) {
    print(process, { json: true }, galleyJsonSchema(), () => "");
    return exitCode.ok;
  }
  return interruptible(process, flags, async (signal) => {
    const tree = await openTree(argument, process.cwd(), signal);
    try {
      const manifest = await readManifest(filesOfTree(tree), signal);
      print(process, flags, manifest, (color) => manifestText(manifest, color));
      return exitCode.ok;
    } finally {
      await tree.close();
    }
  });
}

async function openTree(argument: string, cwd: string, signal: AbortSignal): Promise<ContextTree> {
  const found = parseContextArgument(argument);
  if (found.kind === "directory") return createDirectoryTree(resolve(cwd, found.path));
  if (found.kind === "local-git") {
    const { repository, ref, subdirectory } = found;
    return createGitTree({
      repository: resolve(cwd, repository),
      commit: ref,
      ...(subdirectory === undefined ? {} : { subdirectory }),
      signal,
    });
  }
  throw usageError(
    `${argument} is neither a directory nor a commit of a local repository`,
    "Give a directory, or REPOSITORY#REF.",
  );
}

/** For people: the services as a table, the warnings, and the Dockerfiles that were written. */
function manifestText(manifest: Manifest, color: boolean): string {
  const { services, source, warnings = [], onCreate = [], onDeploy = [] } = manifest;
  const rows = services.map((service): (Cell | string)[] => [
    { text: service.name, tone: "strong" },
    service.kind,
    imageOf(service),
    service.expose === undefined ? "" : String(service.expose),
    service.dependsOn.map(needed).join(", "),
  ]);
  const hooks = [
    ...onCreate.map((hook) => `on_create in ${hook.service}: ${hook.command.join(" ")}\n`),
    ...onDeploy.map((hook) => `on_deploy in ${hook.service}: ${hook.command.join(" ")}\n`),
  ];
  const generated = services.flatMap(({ name, build }) =>
    build?.generated === undefined ? [] : [`\nThe Dockerfile of ${name}:\n\n${indented(build.generated)}`],
  );
  return [
    source ? `From ${source.kind === "recognised" ? "what was recognised" : source.file}\n\n` : "",
    table(["service", "kind", "image", "port", "after"], rows, color),
    hooks.length > 0 ? `\n${plainText(hooks.join(""))}` : "",
    warnings.length > 0
      ? `\n${painted("Warnings", "busy", color)}\n${plainText(warnings.map((one) => `  ${formatFinding(one)}\n`).join(""))}`
      : "",
    ...generated.map(plainText),
  ].join("");
}

function imageOf({ build, image }: Service): string {
  if (!build) return image ?? "";
  const from = build.generated === undefined ? build.dockerfile : "a Dockerfile written by Galley";
  const target = build.target === undefined ? "" : `, target ${build.target}`;
  return `built in ${build.path} from ${from}${target}`;
}

const needed = ({ service, until }: Service["dependsOn"][number]): string =>
  until === "healthy" ? service : `${service} (${until})`;

const indented = (text: string): string =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => (line === "" ? "\n" : `  ${line}\n`))
    .join("");
