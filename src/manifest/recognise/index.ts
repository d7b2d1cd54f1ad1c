import type { Repository } from "../repository.js";
import type { Findings } from "../text/findings.js";
import { decode } from "../text/hostile.js";
import { go } from "./go.js";
import type { Recognised } from "./language.js";
import { node } from "./node.js";
import { python } from "./python.js";
import { staticFiles } from "./static.js";
import type { BuildWish } from "./wish.js";

const languages = [node, python, go, staticFiles];
const lookedFor = [...new Set(languages.flatMap((language) => language.lookedFor))];

/** What has to be there for a language to be recognised, for people. */
export const recognisable =
  "package.json with a script start, requirements.txt or pyproject.toml, go.mod with main.go, or index.html";

/**
 * The language of a directory and a Dockerfile for it. Conservative: undefined where nothing is recognised, and a sentence where
 * something is, and what would be needed is missing.
 */
export async function recognise(
  repository: Repository,
  directory: string,
  wish: Pick<BuildWish, "place" | "command" | "start">,
  findings: Findings,
): Promise<Recognised | string | undefined> {
  const inside = (name: string) => (directory === "" ? name : `${directory}/${name}`);
  const modes = await repository.modes(lookedFor.map(inside));
  const has = new Set(lookedFor.filter((name) => modes.get(inside(name))?.mode.startsWith("100")));
  const text = async (name: string) => {
    if (!has.has(name)) return undefined;
    const bytes = await repository.get(inside(name), findings, wish.place);
    return bytes && decode(bytes, { file: inside(name) }, findings);
  };
  for (const language of languages) {
    const found = await language.recognise({ ...wish, repository, directory, has, text, findings });
    if (found !== undefined) return typeof found === "string" ? found : marked(found);
  }
  return undefined;
}

const marked = (found: Recognised): Recognised => ({
  ...found,
  dockerfile: `# Written by Galley for ${found.language}. To change it, commit a Dockerfile of your own.\n${found.dockerfile}`,
});
