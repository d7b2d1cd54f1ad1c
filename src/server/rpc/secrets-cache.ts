import { type MaskValue, maskSecrets } from "../ingest/index.js";
import type { Database } from "../store/index.js";
import type { ProjectForJob } from "./claim.js";

/** How long a changed secret may go unmasked; agents get theirs with the claim and mask them by themselves. */
const freshMs = 30_000;
const most = 200;

/** What masks a project's secrets, kept for a short time: log lines come by the thousand. */
export function createMasks(
  projectForJob: ProjectForJob,
  now: () => number,
): (db: Database, project: string) => Promise<MaskValue> {
  const known = new Map<string, { readonly mask: MaskValue; readonly until: number }>();
  return async (db, project) => {
    const found = known.get(project);
    if (found !== undefined && found.until > now()) return found.mask;
    const { secrets, registries, project: settings } = await projectForJob(db, project);
    const { credential } = settings;
    const mask = maskSecrets([
      ...Object.values(secrets),
      ...Object.values(registries).map(({ password }) => password),
      ...(credential === null
        ? []
        : [credential.kind === "token" ? credential.token : credential.privateKey]),
    ]);
    known.delete(project);
    known.set(project, { mask, until: now() + freshMs });
    for (const [oldest] of known) {
      if (known.size <= most) break;
      known.delete(oldest);
    }
    return mask;
  };
}
