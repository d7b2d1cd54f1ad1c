import { sql as ground } from "./0001_ground.js";
import { sql as deployments } from "./0002_deployments.js";
import type { Migration } from "./migration.js";

/** Every migration, in the order in which they are applied. Appended to and never changed: databases remember each by its checksum. */
export const migrations: readonly Migration[] = [
  { name: "0001_ground", sql: ground },
  { name: "0002_deployments", sql: deployments },
];
