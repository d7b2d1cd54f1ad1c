// What test files need of the lab: the engines and registries that the global set-up has brought up.
import { describe } from "vitest";
import type { LabEngine, LabRegistry } from "../lab/engine.js";

export {
  docker,
  engineEnv,
  type LabEngine,
  type LabRegistry,
  labName,
  ownDockerConfig,
  purgeImage,
} from "../lab/engine.js";

/** What the global set-up hands to the test files. */
export interface LabState {
  engines: LabEngine[];
  registry: LabRegistry;
}

function labState(): LabState {
  const state = process.env.GALLEY_LAB_STATE;
  if (!state) throw new Error("the lab is not up: run this through vitest's project `lab` (npm test)");
  return JSON.parse(state) as LabState;
}

/** The engines that the global set-up has brought up. */
export const labEngines = (): LabEngine[] => labState().engines;

export const labRegistry = (): LabRegistry => labState().registry;

/** A `describe` block per engine of the lab, or per engine that `where` accepts. */
export function onEachEngine(
  block: (engine: LabEngine) => void,
  where: (engine: LabEngine) => boolean = () => true,
): void {
  for (const engine of labEngines().filter(where)) describe(`engine ${engine.name}`, () => block(engine));
}
