import type { Scenario } from "../scenario.js";
import { agentLoadOf } from "./agent-load.js";
import { cacheIdle } from "./cache-idle.js";
import { cacheLs } from "./cache-ls.js";
import { cacheMoved, cachePruned, cacheWarm } from "./caches.js";
import { claimOf } from "./claim.js";
import { coldLarge, coldSmall } from "./cold.js";
import { environmentsOf } from "./environments.js";
import { exports } from "./export.js";
import { freshClone } from "./fresh-clone.js";
import { gateway } from "./gateway.js";
import { hugeFile } from "./huge-file.js";
import { clippedLog, wholeLog } from "./log.js";
import { logPathOf } from "./log-path.js";
import { monorepo } from "./monorepo.js";
import { mountSpeed } from "./mount-speed.js";
import { oneOfFive, pushToUrl, redeploy } from "./push.js";
import { routed } from "./routed.js";
import { start, version } from "./start.js";
import { switchUnderLoad } from "./switch.js";
import { unchanged } from "./unchanged.js";

/** In the order of the table. */
export const scenarios: readonly Scenario[] = [
  unchanged,
  freshClone,
  coldSmall,
  coldLarge,
  monorepo,
  clippedLog,
  wholeLog,
  exports,
  start,
  version,
  gateway,
  hugeFile,
  cacheWarm,
  cachePruned,
  cacheMoved,
  pushToUrl,
  oneOfFive,
  redeploy,
  switchUnderLoad,
  routed,
  environmentsOf(),
  claimOf(100),
  logPathOf({ count: 1_000_000, ticks: 100 }),
  agentLoadOf({ lines: 250_000 }),
  mountSpeed,
  cacheLs,
  cacheIdle,
];
