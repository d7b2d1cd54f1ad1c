/**
 * The gateway: playing the frontend of a build from outside, which gives the graph before it runs, and containers beside a
 * build. It knows the LLBBridge calls and nothing of how a solve is put together.
 */
export { Bridge, type FrontendResult } from "./bridge.js";
