// The events of a build as Galley publishes them: the buildkit room's records in Galley's envelope. Nothing here knows how
// events travel, nor what a build does.
export { createEventEnvelope, type EnvelopeOptions, type EventOrigin, type GalleyEvent } from "./envelope.js";
