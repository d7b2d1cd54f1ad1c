/**
 * The gateway: playing the frontend of a build from outside, which gives the graph before it runs, and containers beside a
 * build. It knows the LLBBridge calls and nothing of how a build from a Dockerfile is put together.
 */
export { Bridge, type FrontendResult } from "./bridge.js";
export type { ContainerExecOptions, ContainerMount } from "./container.js";
export { sourceDefinition } from "./definition.js";
export { type Gateway, type GatewayOptions, runGateway } from "./run.js";
