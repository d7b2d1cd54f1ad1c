import { GalleyError } from "../errors/index.js";
import { engineError, statusOf } from "./api-error.js";
import type { Docker } from "./connect.js";
import { within } from "./within.js";

/** Makes the volume of that name with those labels, unless it is there. Throws `conflict` when somebody else's has the name. */
export async function ensureVolume(
  docker: Docker,
  name: string,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  let found: Readonly<Record<string, string>>;
  try {
    const volume = { Name: name, Labels: { ...labels } };
    await within(signal, (abortSignal) => docker.createVolume({ ...volume, abortSignal }));
    // A volume that is there stays as it is, also one with other labels.
    const made = await within(signal, (abortSignal) => docker.getVolume(name).inspect({ abortSignal }));
    found = made.Labels ?? {};
  } catch (error) {
    throw engineError(`volume ${name} could not be made`, error, signal);
  }
  if (Object.entries(labels).some(([key, value]) => found[key] !== value)) {
    throw new GalleyError("conflict", `volume ${name} is there and was not made for this`, {
      hint: `Look at it (docker volume inspect ${name}) and remove it if nobody needs it.`,
    });
  }
}

export async function findVolumes(
  docker: Docker,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ readonly name: string; readonly labels: Readonly<Record<string, string>> }[]> {
  try {
    const filters = { label: Object.entries(labels).map(([key, value]) => `${key}=${value}`) };
    const { Volumes } = await within(signal, (abortSignal) => docker.listVolumes({ filters, abortSignal }));
    return (Volumes ?? []).map(({ Name, Labels }) => ({ name: Name, labels: Labels ?? {} }));
  } catch (error) {
    throw engineError("volumes could not be listed", error, signal);
  }
}

/** Removes a volume; one that is gone already is no error. */
export async function removeVolume(docker: Docker, name: string, signal: AbortSignal): Promise<void> {
  try {
    await within(signal, (abortSignal) => docker.getVolume(name).remove({ abortSignal }));
  } catch (error) {
    if (statusOf(error) !== 404) throw engineError(`volume ${name} could not be removed`, error, signal);
  }
}
