import { GalleyError } from "../errors/index.js";
import { completeBuilds } from "./builds.js";
import { readCompose } from "./compose/index.js";
import { exposedPort } from "./dockerfile.js";
import { type ParsedFile, parseGalleyYml } from "./galley/parse.js";
import type { Manifest, Service } from "./manifest.js";
import type { ReadOptions } from "./read-options.js";
import { recognisable, recognise } from "./recognise/index.js";
import { Repository } from "./repository.js";
import type { RepositoryFiles } from "./repository-files.js";
import { Findings } from "./text/findings.js";
import { decode } from "./text/hostile.js";

const galleyNames = ["galley.yml", "galley.yaml"];

/**
 * Reads the manifest of a commit: `galley.yml`, else a compose file, else a lone Dockerfile, else what a recognised language is
 * built with. Values may have `${…}` until `interpolate` has been there; warnings are part of the manifest.
 *
 * @throws manifest_not_found, manifest_invalid with every problem of the files at once
 */
export async function readManifest(
  files: RepositoryFiles,
  signal: AbortSignal,
  options: ReadOptions = {},
): Promise<Manifest> {
  const repository = new Repository(files, signal);
  const findings = new Findings();
  const parsed =
    (await readGalleyYml(repository, findings)) ??
    (findings.failed ? undefined : await readCompose(repository, findings, options));
  findings.throwIfFailed();
  const manifest = parsed
    ? await completeBuilds(parsed.manifest, parsed.wishes, repository, findings)
    : await readLoneDirectory(repository, findings);
  findings.throwIfFailed();
  return { ...manifest, warnings: findings.warnings };
}

/** The same of a `galley.yml`'s text alone, for which no file of the repository is looked at. */
export function parseManifest(source: Uint8Array | string, file = "galley.yml"): Manifest {
  const findings = new Findings();
  const parsed = parseGalleyYml(source, file, findings);
  findings.throwIfFailed();
  return { services: [], ...parsed?.manifest, warnings: findings.warnings };
}

async function readGalleyYml(repository: Repository, findings: Findings): Promise<ParsedFile | undefined> {
  const there = await repository.modes(galleyNames);
  const [file, other] = galleyNames.filter((name) => there.has(name));
  if (file === undefined) return undefined;
  if (other !== undefined) findings.warn({ file: other }, `is left out, as there is ${file}`);
  const bytes = await repository.get(file, findings, { file });
  return bytes && parseGalleyYml(bytes, file, findings);
}

async function readLoneDirectory(repository: Repository, findings: Findings): Promise<Manifest> {
  const file = "Dockerfile";
  const service: Service = {
    name: "web",
    kind: "web",
    build: { path: ".", dockerfile: file, args: {}, secrets: [] },
    env: {},
    dependsOn: [],
  };
  const bytes = await repository.find(file, findings);
  const text = bytes && decode(bytes, { file }, findings);
  if (text !== undefined) {
    const expose = exposedPort(text);
    if (expose === undefined)
      findings.warn(
        { file },
        "exposes no port, so that its service web gets no URL; add EXPOSE, or write a galley.yml",
      );
    return { services: [{ ...service, expose }], source: { kind: "dockerfile", file } };
  }
  findings.throwIfFailed();
  const found = await recognise(repository, "", { place: { file: "the repository" } }, findings);
  findings.throwIfFailed();
  if (found === undefined || typeof found === "string") throw notFound(found);
  findings.warn({ file: "the repository" }, `has no Dockerfile; one is written for ${found.language}`);
  return {
    services: [
      {
        ...service,
        expose: found.port,
        build: { path: ".", dockerfile: file, args: {}, secrets: [], generated: found.dockerfile },
      },
    ],
    source: { kind: "recognised", file: found.language },
  };
}

function notFound(why: string | undefined): GalleyError {
  return new GalleyError(
    "manifest_not_found",
    `the commit has no galley.yml, no compose file and no Dockerfile in its root, and ${why ?? "no language is recognised there"}`,
    {
      hint: `Write a galley.yml:

version: 1
services:
  web:
    kind: web
    build: { path: . }
    expose: 3000

Or add a Dockerfile; without one are recognised: ${recognisable}.`,
    },
  );
}
