// A build that must fail, and the error that says why.
import { expect } from "vitest";
import {
  BuildKitClient,
  BuildKitError,
  createFilesTree,
  type SolveOptions,
} from "../../src/buildkit/index.js";

export const connectTo = (engine: { readonly dockerHost: string }): Promise<BuildKitClient> =>
  BuildKitClient.connect(undefined, { env: { DOCKER_HOST: engine.dockerHost } });

export interface FailingBuild extends Omit<SolveOptions, "trees"> {
  /** The files of the context, with `Dockerfile` among them. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
}

/** Builds, and hands back the error; a build that succeeds fails the test. */
export async function failureOf(
  client: BuildKitClient,
  { files, ...options }: FailingBuild,
): Promise<BuildKitError> {
  const tree = createFilesTree(new Map(Object.entries(files)));
  let error: unknown;
  try {
    await client.solve({ ...options, trees: { context: tree, dockerfile: tree } });
  } catch (caught) {
    error = caught;
  } finally {
    await tree.close();
  }
  expect(error, "the build succeeded").toBeInstanceOf(BuildKitError);
  return error as BuildKitError;
}

/** Builds a Dockerfile that stands alone. */
export const failureOfDockerfile = (
  client: BuildKitClient,
  dockerfile: string,
  options: Omit<FailingBuild, "files"> = {},
): Promise<BuildKitError> => failureOf(client, { files: { Dockerfile: dockerfile }, ...options });

/** The guilty lines of the excerpt. */
export const guiltyLines = (error: BuildKitError): number[] | undefined =>
  error.failure?.dockerfile?.excerpt.filter((line) => line.failed).map((line) => line.line);
