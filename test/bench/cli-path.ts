import { inClone } from "./in-clone.js";

/** The bundled command, as people run it. */
export const cliPath = (): string => inClone("dist/cli/main.js");
