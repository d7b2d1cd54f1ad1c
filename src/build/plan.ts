import type { Docker } from "../docker/index.js";
import { inspectImage, parseReference, type RegistryLogin } from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import type { Service, ServiceBuild } from "../manifest/index.js";
import type { CommitFiles } from "../source/index.js";
import { type BuildKeys, buildKeys } from "./keys.js";
import type { InputImage, InputImages } from "./keys-images.js";
import { dockerfileInputs } from "./keys-inputs.js";
import { foundPaths, wantedPaths } from "./keys-paths.js";
import { findReusable } from "./reuse.js";

/** What happens to a service's image. */
export type PlannedService =
  | { readonly service: Service; readonly action: "build"; readonly build: PlannedBuild }
  /** The engine has the image of the same inputs. */
  | { readonly service: Service; readonly action: "reuse"; readonly image: string }
  /** Another service of the deployment is built from the same inputs. */
  | { readonly service: Service; readonly action: "same-as"; readonly as: string }
  | {
      readonly service: Service;
      readonly action: "pull";
      readonly image: string;
      /** Id of the image that the engine has of that name, which will do where nothing else was asked for. */
      readonly orElse?: string | undefined;
    };

export interface PlannedBuild {
  /** Undefined where the inputs cannot be told without building: the image is then found by no later deployment. */
  readonly keys: BuildKeys | undefined;
  /** Those of the same inputs in the other scope that is read. */
  readonly othersKeys?: BuildKeys | undefined;
  /** Why there are none. */
  readonly unkeyed: string | undefined;
  /** Paths of the context and images that the keys were made of, for the comparison with what the build took. */
  readonly paths: readonly string[];
  readonly images: readonly string[];
  /** A base image has moved on in its registry: BuildKit must look there. */
  readonly pull: boolean;
}

export interface PlanOptions {
  readonly docker: Docker;
  readonly images: InputImages;
  readonly files: CommitFiles;
  /** Agent and project: what one of them built is no other's. */
  readonly scope: readonly string[];
  /** Another scope whose images will do, too. */
  readonly readsToo?: readonly string[];
  /** Name of the project, part of the names of images. */
  readonly project: string;
  /** `os/arch[/variant]` of the engine. */
  readonly platform: string;
  readonly login: (image: string) => Promise<RegistryLogin | undefined>;
  /** False: everything is built, and registries are asked anew. */
  readonly useCache: boolean;
  readonly signal: AbortSignal;
}

/** Largest Dockerfile that is read for its inputs, in bytes. */
const largestDockerfile = 1024 * 1024;

/** Decides for every service of a deployment, in the manifest's order, without building anything. */
export async function planServices(
  services: readonly Service[],
  options: PlanOptions,
): Promise<PlannedService[]> {
  const { docker, project, useCache, signal } = options;
  const images = eachOnce(options.images);
  const prepared = await Promise.all(
    services.map(async (service) => {
      if (!service.build) return { planned: await planImage(service, { ...options, images }) };
      const build = await prepareBuild(service.build, { ...options, images });
      let reusable: string | undefined;
      for (const keys of useCache ? [build.keys, build.othersKeys] : [])
        if (keys) reusable ??= await findReusable(docker, project, keys, signal);
      return { service, build, reusable };
    }),
  );
  const firstWith = new Map<string, string>();
  const planned: PlannedService[] = [];
  for (const one of prepared) {
    if ("planned" in one) {
      planned.push(one.planned);
      continue;
    }
    const { service, build, reusable } = one;
    const same = build.keys?.wide ?? wordsOf(service.build as ServiceBuild);
    const as = firstWith.get(same);
    if (reusable !== undefined) planned.push({ service, action: "reuse", image: reusable });
    else if (as !== undefined) planned.push({ service, action: "same-as", as });
    else {
      firstWith.set(same, service.name);
      planned.push({ service, action: "build", build });
    }
  }
  return planned;
}

/** Services share their base images, and looking at one is the slowest step of a plan: a plan looks at each once. */
function eachOnce(images: InputImages): InputImages {
  const looked = new Map<string, ReturnType<InputImages["resolve"]>>();
  return {
    async resolve(names, options) {
      const found = await Promise.all(
        names.map((name) => {
          const looking = looked.get(name) ?? images.resolve([name], options);
          looked.set(name, looking);
          return looking;
        }),
      );
      return new Map(found.flatMap((one) => [...one]));
    },
  };
}

/** Throws `image_not_found` for one that is never to be pulled and is not there. */
async function planImage(
  service: Service,
  { docker, images, login, useCache, signal }: PlanOptions,
): Promise<PlannedService> {
  const { name, image = "", pullPolicy: policy } = service;
  const here = await inspectImage(docker, image, signal);
  if (!here && policy === "never") {
    throw new GalleyError("image_not_found", `service ${name}: the engine has no image ${image}`, {
      hint: "Its pull_policy is never: put the image on the engine, or choose another policy.",
    });
  }
  if (!here) return { service, action: "pull", image };
  const reuse = { service, action: "reuse", image: here.id } as const;
  if (policy === "never" || policy === "missing") return reuse;
  const { tag = "latest", digest } = parseReference(image);
  // A digest never means anything else.
  if (digest !== undefined) return reuse;
  if (policy === "always") return { service, action: "pull", image };
  if (tag !== "latest") return reuse;
  const now = await images.resolve([image], { login, signal, fresh: !useCache });
  return now.get(image)?.moved ? { service, action: "pull", image, orElse: here.id } : reuse;
}

/** Without keys two builds of one commit are the same when they are asked for in the same words. */
function wordsOf({ path, dockerfile, generated, target, args, secrets = [] }: ServiceBuild): string {
  return JSON.stringify([
    path,
    generated ?? null,
    dockerfile,
    target ?? null,
    Object.entries(args).sort(),
    [...secrets].sort(),
  ]);
}

async function prepareBuild(build: ServiceBuild, options: PlanOptions): Promise<PlannedBuild> {
  const { files, images, platform, login, signal, useCache } = options;
  const unkeyed = (why: string, pull = false): PlannedBuild => ({
    keys: undefined,
    unkeyed: why,
    paths: [],
    images: [],
    pull,
  });
  const [text, tree] = await Promise.all([
    build.generated ?? files.read(`${build.path}/${build.dockerfile}`, largestDockerfile, signal),
    files.treeId(build.path),
  ]);
  if (text === undefined || tree === undefined)
    return unkeyed("its Dockerfile or its context is not in the commit");
  const { target, args: buildArgs } = build;
  const inputs = dockerfileInputs(text.toString(), { platform, buildArgs, target });
  if ("unknown" in inputs) return unkeyed(inputs.unknown);
  const wanted = wantedPaths(build, inputs.paths);
  const [found, entries] = await Promise.all([
    images.resolve(inputs.images, { login, signal, fresh: !useCache }).catch((error: unknown) => {
      signal.throwIfAborted();
      // A name that is none: BuildKit says so with the line of the Dockerfile.
      return error instanceof Error ? error.message : String(error);
    }),
    wanted && files.lookup([...wanted.taken, ...wanted.about], signal),
  ]);
  if (typeof found === "string") return unkeyed(found);
  const missing = inputs.images.find((name) => !found.has(name));
  if (missing !== undefined) return unkeyed(`what ${missing} is now cannot be told`);
  const paths = wanted && entries && foundPaths(wanted, entries);
  // With an image that only this engine has, BuildKit cannot be sent to the registries for the others either.
  const fromRegistries = [...found.values()].every(({ digest }) => digest !== undefined);
  const moved = [...found.values()].some((image) => image.moved);
  const used = ({ digest, local, moved }: InputImage) =>
    digest !== undefined && (fromRegistries || !moved) ? digest : `local:${local}`;
  const keysIn = (scope: readonly string[]) =>
    buildKeys({
      scope,
      build,
      platform,
      images: new Map([...found].map(([name, image]) => [name, used(image)])),
      secrets: build.secrets ?? [],
      tree,
      paths,
    });
  return {
    keys: keysIn(options.scope),
    othersKeys: options.readsToo && keysIn(options.readsToo),
    unkeyed: undefined,
    paths: inputs.paths === "all" ? [] : inputs.paths,
    images: inputs.images,
    pull: fromRegistries && found.size > 0 && (moved || !useCache),
  };
}
