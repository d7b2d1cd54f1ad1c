import { setMaxListeners } from "node:events";
import type { PlannedService } from "../build/index.js";
import { BuildEvents, type BuildKitClient } from "../buildkit/index.js";
import { type ImageFacts, inspectImage, pullImage, registryPlatforms } from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import { checkPlatform, type Emulates } from "../preview/index.js";
import { OutOfRoom, type Writer } from "./disk-watch.js";
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
  /** `os/arch` of the engine. */
  readonly platform: () => string;
  readonly emulates: Emulates;
  readonly writer: Pick<Writer, "during">;
  readonly signal: AbortSignal;
}

/**
 * Gets the image of every service of a plan: builds side by side, pulls meanwhile. The first failure ends the others, as what they
 * would make is not wanted any more; rejects with it when all have ended.
 *
 * @returns ids of images by service
 */
export async function getImages(options: ImagesOptions): Promise<ReadonlyMap<string, string>> {
  const { planned, builds, pulls, tell, docker, logins, now, buildkit, writer } = options;
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  setMaxListeners(0, signal);
  const images = new Map<string, string>();
  const pulling = new Map<string, Promise<ImageFacts>>();

  const reused = async (service: string, image: string) => {
    images.set(service, image);
    const events = new BuildEvents();
    for (const event of [...events.start(), ...events.finish({ kind: "reused", image }, now())])
      await tell(event, service);
  };
  const pullOnce = (name: string) => {
    const running = pulling.get(name) ?? pulls.run(signal, () => writer.during(() => pull(name)));
    pulling.set(name, running);
    return running;
  };
  const pull = async (name: string): Promise<ImageFacts> => {
    const login = await logins.login(name);
    await pullImage(docker, name, { signal, login }).catch(async (error: unknown) => {
      throw await withPlatforms(error, () => registryPlatforms(docker, name, { login, signal }));
    });
    const image = await inspectImage(docker, name, signal);
    if (!image) throw new GalleyError("image_not_found", `image ${name} was pulled and is not there`);
    return image;
  };
  const [os = "", architecture = ""] = options.platform().split("/");
  const get = async (one: PlannedService): Promise<void> => {
    const { name, build } = one.service;
    if (one.action === "reuse") return await reused(name, one.image);
    if (one.action === "pull") {
      await tell({ type: "service.state", state: "pulling", detail: one.image }, name);
      const image = await pullOnce(one.image).catch((error: unknown) => {
        signal.throwIfAborted();
        if (one.orElse === undefined) throw ofService(name, error);
        return undefined;
      });
      if (!image) {
        const text = `the registry has a newer image ${one.image}, which could not be pulled: service ${name} runs the one that is here`;
        await tell({ type: "deployment.note", text });
        return await reused(name, one.orElse ?? "");
      }
      // Before the builds of the others are done.
      await checkPlatform(name, image, { os, architecture }, options.emulates);
      images.set(name, image.id);
      return;
    }
    if (one.action !== "build" || !build) return;
    const image = await builds.run(signal, async () => {
      const client = await buildkit();
      return await writer.during(() =>
        buildService({ ...options, service: name, build, planned: one.build, client, signal }),
      );
    });
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
  // It knows the step that was ended.
  if (first && options.signal.reason instanceof OutOfRoom) throw first.error;
  options.signal.throwIfAborted();
  if (first) throw first.error;
  return images;
}

/** An image that is not there for the engine's machine, with those that it is there for. */
export async function withPlatforms(error: unknown, ask: () => Promise<readonly string[]>): Promise<unknown> {
  if (!(error instanceof GalleyError) || error.code !== "image_platform_unsupported") return error;
  const platforms = await ask();
  if (platforms.length === 0) return error;
  return new GalleyError(error.code, `${error.message}; it is there for ${platforms.join(", ")}`, {
    hint: error.hint,
    cause: error,
  });
}

/** The same said of a service. */
function ofService(service: string, error: unknown): unknown {
  if (!(error instanceof GalleyError) || error.code !== "image_platform_unsupported") return error;
  return new GalleyError(error.code, `service ${service}: ${error.message}`, {
    hint: error.hint,
    cause: error.cause,
  });
}
