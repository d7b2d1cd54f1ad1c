import { sql as ground } from "./0001_ground.js";
import { sql as deployments } from "./0002_deployments.js";
import { sql as life } from "./0003_life.js";
import { sql as handBack } from "./0005_hand_back.js";
import { sql as cacheEvents } from "./0006_cache_events.js";
import { sql as forks } from "./0007_forks.js";
import { sql as asFork } from "./0008_as_fork.js";
import type { Migration } from "./migration.js";

/** Every migration, in the order in which they are applied. Appended to and never changed: databases remember each by its checksum. */
export const migrations: readonly Migration[] = [
  { name: "0001_ground", sql: ground },
  { name: "0002_deployments", sql: deployments },
  { name: "0003_life", sql: life },
  { name: "0005_hand_back", sql: handBack },
  { name: "0006_cache_events", sql: cacheEvents },
  { name: "0007_forks", sql: forks },
  { name: "0008_as_fork", sql: asFork },
];
