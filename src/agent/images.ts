import { setMaxListeners } from "node:events";
import type { PlannedService } from "../build/index.js";
import { BuildEvents, type BuildKitClient } from "../buildkit/index.js";
import { inspectImage, pullImage } from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import { buildService, type ServiceBuildOptions } from "./service-build.js";
import type { Slots } from "./slots.js";

export interface ImagesOptions
  extends Omit<ServiceBuildOptions, "service" | "build" | "planned" | "client" | "signal"> {
  readonly planned: readonly PlannedService[];
  /** Connects when it is first asked: a deployment that reuses everything needs no BuildKit. */
  readonly buildkit: () => Promise<BuildKitClient>;
  /** Of the agent: service builds at once, and pulls at once, over all deployments. */
  readonly builds: Slots;
  readonly pulls: Slots;
  readonly signal: AbortSignal;
}

/**
 * Gets the image of every service of a plan: builds side by side, pulls meanwhile. The first failure ends the others, as what they
 * would make is not wanted any more; rejects with it when all have ended.
 *
 * @returns ids of images by service
 */
export async function getImages(options: ImagesOptions): Promise<ReadonlyMap<string, string>> {
  const { planned, builds, pulls, tell, docker, logins, now, buildkit } = options;
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  setMaxListeners(0, signal);
  const images = new Map<string, string>();
  const pulling = new Map<string, Promise<string>>();

  const reused = async (service: string, image: string) => {
    images.set(service, image);
    const events = new BuildEvents();
    for (const event of [...events.start(), ...events.finish({ kind: "reused", image }, now())])
      await tell(event, service);
  };
  const pullOnce = (name: string) => {
    const running = pulling.get(name) ?? pulls.run(signal, () => pull(name));
    pulling.set(name, running);
    return running;
  };
  const pull = async (name: string): Promise<string> => {
    await pullImage(docker, name, { signal, login: await logins.login(name) });
    const image = await inspectImage(docker, name, signal);
    if (!image) throw new GalleyError("image_not_found", `image ${name} was pulled and is not there`);
    return image.id;
  };
  const get = async (one: PlannedService): Promise<void> => {
    const { name, build } = one.service;
    if (one.action === "reuse") return await reused(name, one.image);
    if (one.action === "pull") {
      await tell({ type: "service.state", state: "pulling", detail: one.image }, name);
      images.set(name, await pullOnce(one.image));
      return;
    }
    if (one.action !== "build" || !build) return;
    const image = await builds.run(signal, async () =>
      buildService({
        ...options,
        service: name,
        build,
        planned: one.build,
        client: await buildkit(),
        signal,
      }),
    );
    images.set(name, image);
    for (const same of planned)
      if (same.action === "same-as" && same.as === name) await reused(same.service.name, image);
  };

  let first: { readonly error: unknown } | undefined;
  await Promise.all(
    planned.map((one) =>
      get(one).catch((error: unknown) => {
        first ??= { error };
        failed.abort(error);
      }),
    ),
  );
  options.signal.throwIfAborted();
  if (first) throw first.error;
  return images;
}
