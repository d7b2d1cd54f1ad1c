// What a build says while it runs: the messages of `Control.Status` folded into one state, and the ways to show it to a
// person or a program. Pure but for `openOutput` and `systemClock`. It must not know of Galley, nor of how messages arrive.
export type * from "./build-event.js";
export type { WrapEvent } from "./build-event-renderer.js";
export { BuildEvents } from "./build-events.js";
export { createRenderer, type RendererOptions } from "./create.js";
export { buildErrorOf, EventReplay } from "./event-replay.js";
export { type FailureBlockOptions, renderFailure } from "./failure-block.js";
export { formatBytes, formatDuration } from "./format.js";
export type { Interval } from "./interval.js";
export { BuildProgress, foldStatus, type ProgressChange, type ProgressSummary } from "./model.js";
export { onProcessExit, openOutput, systemClock } from "./output.js";
export { decodeRawJson, encodeRawJson } from "./raw-json.js";
export { readBuildEvent, readFailure } from "./read-build-event.js";
export type { BuildOutcome, Clock, ProgressOutput, ProgressRenderer } from "./renderer.js";
export { chooseProgress, type ProgressMode, type ProgressSettings, progressModes } from "./settings.js";
export type { Step, StepState } from "./step.js";
export type { LogLimits, LogLine } from "./step-log.js";
export { safeLine, safeName } from "./terminal-text.js";
