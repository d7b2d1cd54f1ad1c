// The events of builds and deployments, the same on the bus, in the API and in `--progress json`: their envelope and the form of
// each. A leaf of value types: nothing here knows how events travel, nor what a build does.
export { buildEventSchema, failureSchema } from "./build-event.js";
export { type CacheEvent, cacheEventSchema } from "./cache-event.js";
export {
  type DeploymentEvent,
  deploymentEventSchema,
  deploymentOutcomes,
  deploymentProgressStates,
} from "./deployment-event.js";
export { createEventEnvelope, type EnvelopeOptions, type EventOrigin, type GalleyEvent } from "./envelope.js";
export { anyEventSchema } from "./envelope-fields.js";
