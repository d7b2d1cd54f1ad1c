// Compares what is with what should be, now and then, and repairs the difference: agents that fell silent, jobs that nobody claims or
// that the bus has lost, deployments that cannot end by themselves. Decides purely; knows neither HTTP nor what an agent does.
export type { AgentJobs, InspectJobs } from "./observe.js";
export type { ReconcileSettings } from "./reconcile.js";
export { type Reconciler, type ReconcilerDeps, startReconciler } from "./run.js";
