import type { Job } from "../bus/index.js";
import { GalleyError } from "../errors/index.js";
import {
  formatFinding,
  interpolate,
  type Manifest,
  previewVariables,
  readManifest,
  type Service,
} from "../manifest/index.js";
import { hostsOf, type PublicAddress } from "../preview/index.js";
import type { JobSource } from "./job-source.js";

/** A note is read in a line or two, and a bad file has hundreds of things to say. */
const mostNotes = 40;
const longestNote = 4_000;

/**
 * The manifest of a job's commit with everything put in that is known of the deployment, and the addresses that it will have. What was
 * left out or guessed is told, and the Dockerfiles that were written.
 *
 * @throws manifest_not_found, manifest_invalid, config_invalid for a domain that no address fits under, forbidden for a fork that asks for
 *   secrets
 */
export async function manifestOfJob(
  job: Job,
  source: Pick<JobSource, "commit" | "files" | "fork">,
  { onNote, signal }: { readonly onNote: (text: string) => void; readonly signal: AbortSignal },
): Promise<{ readonly manifest: Manifest; readonly addresses: ReadonlyMap<string, PublicAddress> }> {
  const { environment, project, env, secrets, ingress } = job;
  const read = await readManifest(source.files, signal, {
    variables: env,
    secretNames: Object.keys(secrets),
  });
  for (const note of notesOf(read)) onNote(note);
  const addresses = hostsOf(read, { name: environment.name, project: project.name }, ingress);
  const facts = {
    addresses,
    pullRequest: environment.pr,
    commit: source.commit,
    environment: environment.name,
    project: project.name,
  };
  const values = { ...env, ...previewVariables(facts) };
  const asked = new Set<string>();
  const given = source.fork ? withheld(secrets, asked) : secrets;
  // Values of secrets are no templates: they come last.
  const manifest = withSecrets(interpolate(read, { values, secrets: given }), given);
  if (source.fork) refuseSecrets(manifest, asked, { ...job, commit: source.commit });
  return { manifest, addresses };
}

/** The names of secrets, with nothing behind them and an ear at each. */
function withheld(secrets: Job["secrets"], asked: Set<string>): Job["secrets"] {
  const names: Record<string, string> = {};
  for (const name of Object.keys(secrets)) {
    const get = () => {
      asked.add(name);
      return "";
    };
    Object.defineProperty(names, name, { enumerable: true, get });
  }
  return names;
}

/** Whoever forks a repository writes the code that would read them, and the manifest that asks for them. */
function refuseSecrets(
  { services }: Manifest,
  asked: ReadonlySet<string>,
  { project, environment, ref, commit }: Job,
): void {
  const inFiles = services.flatMap(({ files = [] }) =>
    files.flatMap(({ content }) => ("secret" in content ? [content.secret] : [])),
  );
  const names = [...new Set([...asked, ...inFiles])].sort();
  if (names.length === 0) return;
  const target = environment.pr === null ? `--ref ${ref}` : `--pr ${environment.pr}`;
  throw new GalleyError(
    "forbidden",
    `This code is treated as a fork's, which gets no secrets of the project; its manifest asks for ${names.join(", ")}.`,
    {
      hint: `Read what it does with them; if it may have them: galley deploy ${project.name} ${target} --commit ${commit} --no-fork`,
    },
  );
}

function notesOf({ warnings = [], services }: Manifest): string[] {
  const told = warnings.slice(0, mostNotes).map(formatFinding);
  const more = warnings.length - told.length;
  const dockerfiles = services.flatMap(({ name, build }) =>
    build?.generated === undefined ? [] : [`the Dockerfile of ${name}:\n${build.generated}`],
  );
  const all = [
    ...told,
    ...(more > 0 ? [`and ${more} more warnings: galley check shows all`] : []),
    ...dockerfiles,
  ];
  return all.map((note) => note.slice(0, longestNote));
}

/**
 * The manifest with the project's secrets put where it asks for them: into the variables of the services that name them. Throws
 * `manifest_invalid` with every secret that is asked for and that the project does not have.
 */
export function withSecrets(manifest: Manifest, secrets: Readonly<Record<string, string>>): Manifest {
  const missing = new Set<string>();
  const need = (service: Service, name: string): string => {
    const value = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
    if (value === undefined)
      missing.add(`service ${service.name} asks for the secret ${name}, which the project does not have`);
    return value ?? "";
  };
  const services = manifest.services.map((service) => {
    for (const name of service.build?.secrets ?? []) need(service, name);
    const given = (service.secrets ?? []).map((name) => [name, need(service, name)]);
    // What the manifest spells out is meant for this service, a secret of the same name for many.
    return { ...service, env: { ...Object.fromEntries(given), ...service.env } };
  });
  if (missing.size > 0) {
    throw new GalleyError("manifest_invalid", [...missing].join("\n"), {
      hint: "Set it in the project's secrets, or take it out of the manifest.",
    });
  }
  return { ...manifest, services };
}
