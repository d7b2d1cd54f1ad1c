import { z } from "zod";

/** RFC 3339 with milliseconds, as every event carries it. */
export const envelopeTime = z.iso.datetime({ precision: 3 });

/** The fields of {@link GalleyEvent} that are the same for all. */
export const envelopeFields = {
  v: z.literal(1),
  id: z.string().min(1).max(64),
  at: envelopeTime,
  agent: z.string().nullable(),
  project: z.string().nullable(),
  environment: z.string().nullable(),
  deployment: z.string().nullable(),
  attempt: z.int().min(1),
  seq: z.int().min(1),
  service: z.string().max(64).optional(),
};

/**
 * What a reader holds any event to before it looks at its type: types that it does not know pass through, as they may come
 * from a newer agent.
 */
export const anyEventSchema = z.looseObject({ ...envelopeFields, type: z.string().min(1).max(64) });
