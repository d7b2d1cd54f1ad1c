import { finishLayoutExport } from "../content/oci-layout.js";
import type { ContentDirectory } from "../content/service.js";
import { BuildKitError } from "../errors.js";
import type { ExportEntry } from "../solve/types.js";

/** Exports that the daemon writes blob by blob into an image layout: `oci` and `docker` with tar=false. */
export interface LayoutExports {
  /** What the content store must serve for them, by store id. */
  readonly stores: Readonly<Record<string, ContentDirectory>>;
  /** Names the image in the directory's index; to be called with the response of a solve that succeeded. */
  finish(exporterResponse: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<void>;
}

/** Throws `option_invalid` for a second one: BuildKit knows a single store for them, whatever their number. */
export function prepareLayoutExports(exports: readonly ExportEntry[]): LayoutExports {
  const directories = exports.flatMap(({ type, output }) =>
    output?.kind === "directory" && type !== "local" ? [output.path] : [],
  );
  const [directory, another] = directories;
  if (another !== undefined) {
    throw new BuildKitError(
      "option_invalid",
      "A build can write one image layout (tar=false), not several.",
      {
        hint: "Export one of them as a tar, or build twice: the second build is cached.",
      },
    );
  }
  return {
    stores: directory === undefined ? {} : { export: { path: directory, writable: true } },
    async finish(exporterResponse, signal) {
      if (directory !== undefined) await finishLayoutExport(directory, exporterResponse, signal);
    },
  };
}
