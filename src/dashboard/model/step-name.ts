/** What a step's name says. */
export interface StepName {
  /** Of the Dockerfile: `deps`, `stage-2`; null for what belongs to none. */
  readonly stage: string | null;
  /** Its number within the stage, for example `3/5`. */
  readonly place: string | null;
  /** `RUN npm ci`, `load build definition from Dockerfile`. */
  readonly label: string;
  /** BuildKit's own work before the Dockerfile's: definitions, metadata, the context. */
  readonly internal: boolean;
}

const staged = /^\[(?:(?<platform>\S+\/\S+) )?(?:(?<stage>[^\]]*?) )?(?<place>\d+\/\d+)\] (?<label>[\s\S]+)$/;
const prefixed = /^\[(?<kind>internal|auth|context [^\]]*)\] (?<label>[\s\S]+)$/;

/** Takes apart what BuildKit calls a step: `[web 3/5] RUN npm ci`, `[internal] load .dockerignore`, `exporting to image`. */
export function stepName(name: string): StepName {
  const step = staged.exec(name)?.groups;
  if (step)
    return {
      stage: step.stage || null,
      place: step.place ?? null,
      label: oneLine(step.label ?? ""),
      internal: false,
    };
  const prefix = prefixed.exec(name)?.groups;
  if (prefix) return { stage: null, place: null, label: oneLine(prefix.label ?? ""), internal: true };
  const early = /^(resolve image config|docker-image:|load )/.test(name);
  return { stage: null, place: null, label: oneLine(name), internal: early };
}

// Images are told with their digest, which nobody reads in a row.
const oneLine = (text: string) =>
  text
    .replace(/\s+/g, " ")
    .replace(/@sha256:[0-9a-f]{64}/g, "")
    .trim();
