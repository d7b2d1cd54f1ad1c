import { basename } from "node:path";
import { layoutOf } from "./layout.js";

/**
 * What is typed to take the previews of a layout down: as this command was, and from any folder (npx: of the clone that it was started in).
 *
 * @param command script of this command
 */
export function downLine(root: string, command: string, env: NodeJS.ProcessEnv): string {
  // In a folder that is no clone npx would look for a package of that name elsewhere.
  const byNpm = env.npm_package_name === "galley" || env.npm_command === "exec";
  const galley = byNpm ? "npx galley" : basename(command) === "galley" ? "galley" : `node ${quoted(command)}`;
  const directory = layoutOf(undefined, env) === root ? "" : ` --data-dir ${quoted(root)}`;
  return `${galley} down${directory}`;
}

const quoted = (path: string): string =>
  /^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
