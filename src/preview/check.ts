import { z } from "zod";
import type { Service } from "../manifest/index.js";
import { labelKeys } from "./labels.js";

const schema = z.object({
  /** Those that have to be there first. */
  needs: z.array(z.object({ service: z.string(), until: z.enum(["healthy", "started", "completed"]) })),
  port: z.int().optional(),
  http: z.object({ path: z.string(), status: z.int() }).optional(),
  /** The engine's health check says something of the service. Not where it only asks once the gate is open. */
  engine: z.boolean(),
  /** Requests reach it through the proxy, which leaves it alone until its gate is open. */
  gated: z.boolean(),
  /** It has a host name. */
  routed: z.boolean(),
  /** Another one waits for its end. */
  once: z.boolean(),
  /** It may end, with exit code 0: its restart policy says so. */
  mayEnd: z.boolean(),
  seconds: z.number(),
});

/** What it takes for a service's container to count as up. */
export type Check = z.infer<typeof schema>;

/** Seconds that a service gets to become healthy where nothing is said of it. */
const PATIENCE_S = 60;
/** The same where the engine's own check decides: those of images often look every half a minute only. */
const ENGINE_PATIENCE_S = 180;
/** Seconds for what is to run to its end, such as a migration. */
const ONCE_PATIENCE_S = 600;

/**
 * @param completed another service waits for its end
 * @param imageChecks its image has a health check
 * @param gateable the engine's machine is one that we have a gate for
 */
export function checkOf(
  service: Service,
  {
    completed,
    routed,
    imageChecks,
    gateable,
  }: {
    readonly completed: boolean;
    readonly routed: boolean;
    readonly imageChecks: boolean;
    readonly gateable: boolean;
  },
): Check {
  const { health, healthCheck, expose, restart } = service;
  const own = typeof healthCheck === "object" || (imageChecks && healthCheck !== "none");
  const gated = routed && gateable;
  // What the manifest asks over HTTP counts for more than what an image brings along.
  const counts = own && (health === undefined || typeof healthCheck === "object");
  const engine = counts && !gated;
  return {
    needs: service.dependsOn.map(({ service: name, until }) => ({ service: name, until })),
    ...(expose === undefined ? {} : { port: expose }),
    ...(health ? { http: { path: health.path, status: health.status } } : {}),
    engine,
    gated,
    routed,
    once: completed,
    mayEnd: completed || restart === "no" || restart === "on-failure",
    seconds:
      health?.timeoutSeconds ??
      (completed ? ONCE_PATIENCE_S : counts ? ENGINE_PATIENCE_S + startPeriod(service) : PATIENCE_S),
  };
}

function startPeriod({ healthCheck }: Service): number {
  return typeof healthCheck === "object" ? (healthCheck.startPeriodSeconds ?? 0) : 0;
}

/** What a container's label says; of one without, that it only has to run. */
export function readCheck(labels: Readonly<Record<string, string>>): Check {
  const not = { engine: false, gated: false, routed: false, once: false, mayEnd: false };
  const nothing = { needs: [], ...not, seconds: PATIENCE_S };
  try {
    const read = schema.safeParse(JSON.parse(labels[labelKeys.check] ?? ""));
    return read.success ? read.data : nothing;
  } catch {
    return nothing;
  }
}
