import { BuildEventRenderer, type WrapEvent } from "./build-event-renderer.js";
import { PlainRenderer } from "./plain.js";
import { QuietRenderer } from "./quiet.js";
import { RawJsonRenderer } from "./raw-json-renderer.js";
import type { ProgressRenderer } from "./renderer.js";
import type { ProgressSettings } from "./settings.js";
import { type TtyOptions, TtyRenderer } from "./tty.js";

export interface RendererOptions extends TtyOptions, Pick<ProgressSettings, "mode"> {
  /** For `json`: makes the line out of an event. Default: the event itself, with `build` in front where it has a name. */
  readonly wrap?: WrapEvent | undefined;
}

/** The renderer of a mode that `chooseProgress` settled. */
export function createRenderer(options: RendererOptions): ProgressRenderer {
  switch (options.mode) {
    case "tty":
      return new TtyRenderer(options);
    case "plain":
      return new PlainRenderer(options);
    case "rawjson":
      return new RawJsonRenderer(options);
    case "json":
      return new BuildEventRenderer(options);
    case "quiet":
      return new QuietRenderer(options);
  }
}
