import { PacedWriter } from "./paced-writer.js";
import { encodeRawJson } from "./raw-json.js";
import type { ProgressOutput, ProgressRenderer } from "./renderer.js";
import type { SolveStatus } from "./types.js";

/**
 * Every message as it came, one JSON object per line, in the fields of `docker buildx build --progress rawjson`. With
 * several builds the vertices' names carry the build's, as those of buildx's bake do. When the reader is slow, `update` says
 * when to go on. Of a caller that does not wait for it up to 8 MiB are kept; then logs are left out, and each step's first lost line is replaced by one in the form of BuildKit's
 * own clip marker.
 */
export class RawJsonRenderer implements ProgressRenderer {
  readonly #writer: PacedWriter;
  readonly #clipped = new Set<string>();

  constructor(options: { readonly output: ProgressOutput }) {
    this.#writer = new PacedWriter(options.output);
  }

  start(): void {}

  sourceMap(): void {}

  note(): void {}

  warn(): void {}

  finish(): void {}

  update(build: string | undefined, status: SolveStatus): Promise<void> | undefined {
    const named =
      build === undefined
        ? status
        : { ...status, vertexes: status.vertexes.map((of) => ({ ...of, name: inBuild(build, of.name) })) };
    if (!this.#writer.congested) {
      this.#clipped.clear();
      this.#writer.write(`${encodeRawJson(named)}\n`);
      return this.#writer.drained();
    }
    const first = status.logs.filter(({ vertex }) => !this.#clipped.has(vertex) && this.#clipped.add(vertex));
    const data = Buffer.from("\n[output clipped, log limit 8MiB of unread output reached]\n");
    const bounded = { ...named, logs: first.map((log) => ({ ...log, data })) };
    if (
      bounded.vertexes.length + bounded.statuses.length + bounded.logs.length + bounded.warnings.length >
      0
    ) {
      this.#writer.write(`${encodeRawJson(bounded)}\n`);
    }
    return this.#writer.drained();
  }

  close(signal?: AbortSignal): Promise<void> {
    return this.#writer.close(signal);
  }
}

function inBuild(build: string, name: string): string {
  return name.startsWith("[") ? `[${build} ${name.slice(1)}` : `[${build}] ${name}`;
}
