import { BuildKitError } from "../errors.js";
import { defaultPalette, type Palette, parsePalette } from "./palette.js";
import type { ProgressOutput } from "./renderer.js";

export const progressModes = ["auto", "tty", "plain", "rawjson", "json", "quiet"] as const;
export type ProgressMode = (typeof progressModes)[number];

export interface ProgressSettings {
  readonly mode: Exclude<ProgressMode, "auto">;
  readonly color: boolean;
  readonly palette: Palette;
  /** Lines of a running step's log that the tty shows at most. Default 6. */
  readonly logRows: number;
}

/**
 * Decides how progress is shown. `auto` (the default) takes BUILDKIT_PROGRESS, else tty on a terminal and plain anywhere
 * else; `tty` is refused where there is no terminal. Colours: CLICOLOR_FORCE other than 0 puts them on, NO_COLOR,
 * CLICOLOR=0 and TERM=dumb off, else a terminal has them. BUILDKIT_COLORS and BUILDKIT_TTY_LOG_LINES as in buildx.
 * Throws `option_invalid`.
 */
export function chooseProgress(options: {
  mode?: string | undefined;
  env: Readonly<Record<string, string | undefined>>;
  output: Pick<ProgressOutput, "isTTY">;
}): ProgressSettings {
  const { env, output } = options;
  const asked = options.mode || "auto";
  const wanted = asked === "auto" ? env.BUILDKIT_PROGRESS || "auto" : asked;
  const mode = progressModes.find((known) => known === wanted);
  if (mode === undefined) {
    const from = asked === "auto" ? "BUILDKIT_PROGRESS" : "--progress";
    throw new BuildKitError(
      "option_invalid",
      `${from} is ${JSON.stringify(wanted)}, which is no kind of progress output`,
      {
        hint: `Use one of ${progressModes.join(", ")}.`,
      },
    );
  }
  const terminal = output.isTTY === true && env.TERM !== "dumb";
  if (mode === "tty" && output.isTTY !== true) {
    throw new BuildKitError("option_invalid", "--progress tty needs a terminal, and the output is none", {
      hint: "Use --progress plain, or leave it out: auto takes what fits.",
    });
  }
  const rows = Number(env.BUILDKIT_TTY_LOG_LINES);
  return {
    mode: mode === "auto" ? (terminal ? "tty" : "plain") : mode,
    color: wantsColor(env, terminal),
    palette: env.BUILDKIT_COLORS ? parsePalette(env.BUILDKIT_COLORS) : defaultPalette,
    logRows: Number.isInteger(rows) && rows > 0 ? Math.min(rows, 200) : 6,
  };
}

function wantsColor(env: Readonly<Record<string, string | undefined>>, terminal: boolean): boolean {
  if (env.NO_COLOR) return false;
  if (env.CLICOLOR_FORCE && env.CLICOLOR_FORCE !== "0") return true;
  return terminal && env.CLICOLOR !== "0";
}
