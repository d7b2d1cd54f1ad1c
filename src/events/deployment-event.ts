import { z } from "zod";
import { failureSchema } from "./build-event.js";
import { envelopeFields, envelopeTime } from "./envelope-fields.js";

/** States that an agent reports on the way; the final ones come as `deployment.finished`. */
export const deploymentProgressStates = ["claimed", "preparing", "building", "starting"] as const;

/** How an attempt ended. `terminated` is the good end of a job that takes an environment down. */
export const deploymentOutcomes = ["running", "terminated", "failed", "cancelled"] as const;

const shortText = z.string().max(4096);

const bodies = {
  "deployment.state": { state: z.enum(deploymentProgressStates) },
  "deployment.source": {
    /** Full id. */
    commit: z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/),
    ref: shortText,
    /** First line of the message. */
    subject: shortText,
    author: shortText,
    /** The code is treated as a fork's. Absent where the agent is too old to say. */
    fork: z.boolean().optional(),
  },
  "deployment.plan": {
    services: z.array(
      z.strictObject({
        name: z.string(),
        kind: z.string(),
        /** `same-as` another service of the deployment: built once. */
        action: z.enum(["build", "reuse", "pull", "same-as"]),
        image: z.string().nullable(),
        /** Where the service will answer; known before anything is built. */
        url: z.string().nullable(),
      }),
    ),
  },
  /** What the agent does and a person may want to read: git's progress, a pull. */
  "deployment.note": { text: shortText },
  "service.state": {
    state: z.enum(["waiting", "pulling", "starting", "healthy", "unchanged", "failed", "removed"]),
    detail: shortText.nullable(),
  },
  /** A command of the manifest that runs before a service starts, or after a database has. */
  "hook.state": {
    hook: z.enum(["onCreate", "onDeploy"]),
    command: shortText,
    state: z.enum(["running", "done", "failed"]),
    /** Null while it runs, and where it did not end by itself. */
    exitCode: z.int().nullable(),
    /** Milliseconds. */
    duration: z.int().min(0).nullable(),
  },
  "hook.log": {
    hook: z.enum(["onCreate", "onDeploy"]),
    lines: z.array(
      z.strictObject({ stream: z.enum(["stdout", "stderr"]), text: z.string(), at: envelopeTime }),
    ),
  },
  "deployment.finished": {
    outcome: z.enum(deploymentOutcomes),
    commit: z.string().nullable(),
    /** Of the public service. */
    url: z.string().nullable(),
    services: z.array(z.strictObject({ name: z.string(), image: z.string(), url: z.string().nullable() })),
    /** Milliseconds from claim to here. */
    duration: z.int().min(0),
    error: failureSchema.nullable(),
  },
} as const;

const event = <Type extends keyof typeof bodies>(type: Type) =>
  z.strictObject({ ...envelopeFields, type: z.literal(type), ...bodies[type] });

/** What an agent tells of a deployment beside its builds, in the envelope. */
export const deploymentEventSchema = z.discriminatedUnion("type", [
  event("deployment.state"),
  event("deployment.source"),
  event("deployment.plan"),
  event("deployment.note"),
  event("service.state"),
  event("hook.state"),
  event("hook.log"),
  event("deployment.finished"),
]);

type Enveloped = z.infer<typeof deploymentEventSchema>;
type WithoutEnvelope<Event> = Event extends unknown ? Omit<Event, keyof typeof envelopeFields> : never;

/** The same before it is put into its envelope. */
export type DeploymentEvent = WithoutEnvelope<Enveloped>;
