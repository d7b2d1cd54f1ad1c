import { BuildKitError } from "../errors.js";

/** What a colour can mean here. Each has a shape or a word beside it, so that nothing is lost without colours. */
export type Meaning = "run" | "done" | "cancel" | "error" | "warning" | "quiet" | "strong";

/** SGR parameters by meaning; an empty one leaves the text as it is. */
export type Palette = Readonly<Record<Meaning, string>>;

export const defaultPalette: Palette = {
  run: "34",
  done: "32",
  cancel: "33",
  error: "31",
  warning: "33",
  quiet: "2",
  strong: "1",
};

const colors = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const keys = ["run", "done", "cancel", "error", "warning"] as const;

/**
 * BUILDKIT_COLORS as buildx reads it: `run=green:warning=yellow:error=red:cancel=255,165,0`. Names are those of the 16
 * colours (`light-blue`) or `default`.
 */
export function parsePalette(text: string): Palette {
  const palette: Record<Meaning, string> = { ...defaultPalette };
  for (const field of text.split(":").filter((part) => part !== "")) {
    const [key = "", value = ""] = field.split("=").map((part) => part.trim().toLowerCase());
    const meaning = keys.find((known) => known === key);
    const parameters = colorParameters(value);
    if (meaning === undefined || parameters === undefined) {
      throw new BuildKitError(
        "option_invalid",
        `BUILDKIT_COLORS has a field that is not understood: ${JSON.stringify(field)}`,
        {
          hint: `Write ${keys.join(", ")}, each with a colour name or three numbers: run=light-blue:error=255,0,0`,
        },
      );
    }
    palette[meaning] = parameters;
  }
  return palette;
}

function colorParameters(value: string): string | undefined {
  if (value === "default") return "39";
  const light = value.startsWith("light-");
  const index = colors.indexOf(light ? value.slice("light-".length) : value);
  if (index !== -1) return String((light ? 90 : 30) + index);
  const parts = value.split(",").map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : Number.NaN));
  return parts.length === 3 && parts.every((part) => part <= 255) ? `38;2;${parts.join(";")}` : undefined;
}

/** Paints text by meaning, or leaves it alone. */
export type Paint = (meaning: Meaning, text: string) => string;

export function painter(color: boolean, palette: Palette = defaultPalette): Paint {
  return (meaning, text) =>
    color && text !== "" && palette[meaning] !== "" ? `\u001b[${palette[meaning]}m${text}\u001b[0m` : text;
}
