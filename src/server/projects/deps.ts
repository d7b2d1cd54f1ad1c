import type { Vault } from "../secrets/index.js";
import type { Database, Store } from "../store/index.js";
import type { Projects } from "./projects.js";

export interface ProjectDeps {
  readonly store: Store;
  readonly vault: Vault;
  readonly projects: Projects;
  readonly now: () => Date;
  readonly allowLocalRepositories: boolean;
  /**
   * Called in the transaction that deletes a project, before its row goes: removes what other rooms keep of it, or throws `conflict`
   * when something of it still runs.
   */
  readonly beforeDelete: (tx: Database, project: { id: string; name: string }) => Promise<void>;
}
