import { z } from "zod";
import { envelopeFields, envelopeTime as time } from "./envelope-fields.js";

// The form of a build's events on the bus, in the API and in `galley build --progress json`. Unknown fields are refused
// here, so that a test notices what is sent without being described; readers should ignore what they do not know.

const lines = z.array(z.strictObject({ start: z.int(), end: z.int() }));

/** Why something failed, with what a person needs to act on it. */
export const failureSchema = z.strictObject({
  code: z.string(),
  message: z.string(),
  hint: z.string().nullable(),
  step: z.string().nullable(),
  command: z.string().nullable(),
  exitCode: z.int().nullable(),
  dockerfile: z
    .strictObject({
      name: z.string(),
      excerpt: z.array(z.strictObject({ line: z.int(), text: z.string(), failed: z.boolean() })),
    })
    .nullable(),
  logTail: z.array(z.string()),
});

/** Any event of a build, in its envelope. */
export const buildEventSchema = z.discriminatedUnion("type", [
  z.strictObject({ ...envelopeFields, type: z.literal("build.started") }),
  z.strictObject({
    ...envelopeFields,
    type: z.literal("source_map"),
    filename: z.string(),
    steps: z.array(z.strictObject({ vertex: z.string(), lines })),
  }),
  z.strictObject({
    ...envelopeFields,
    type: z.literal("step.updated"),
    step: z.string(),
    name: z.string(),
    state: z.enum(["waiting", "running", "done", "cached", "failed", "cancelled"]),
    vertices: z.array(z.string()),
    inputs: z.array(z.string()),
    started: time.nullable(),
    since: time.nullable(),
    completed: time.nullable(),
    duration: z.int().min(0),
    error: z.string().nullable(),
  }),
  z.strictObject({
    ...envelopeFields,
    type: z.literal("step.log"),
    step: z.string(),
    lines: z.array(
      z.strictObject({
        stream: z.enum(["stdout", "stderr"]),
        text: z.string(),
        at: time,
        clipped: z.string().optional(),
      }),
    ),
    clipped: z.boolean(),
  }),
  z.strictObject({
    ...envelopeFields,
    type: z.literal("transfer"),
    step: z.string(),
    transfer: z.string(),
    current: z.number(),
    total: z.number().nullable(),
    started: time,
    duration: z.int().min(0),
    done: z.boolean(),
  }),
  z.strictObject({
    ...envelopeFields,
    type: z.literal("warning"),
    step: z.string().nullable(),
    rule: z.string().nullable(),
    message: z.string(),
    detail: z.array(z.string()),
    url: z.string().nullable(),
    filename: z.string().nullable(),
    lines,
  }),
  z.strictObject({ ...envelopeFields, type: z.literal("build.note"), text: z.string() }),
  z.strictObject({
    ...envelopeFields,
    type: z.literal("build.finished"),
    outcome: z.enum(["built", "reused", "failed", "cancelled"]),
    image: z.string().nullable(),
    duration: z.int().min(0),
    steps: z.strictObject({ total: z.int(), completed: z.int(), cached: z.int(), failed: z.int() }),
    sent: z.strictObject({ files: z.int(), bytes: z.int() }).nullable(),
    error: failureSchema.nullable(),
  }),
]);
