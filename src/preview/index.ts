// From images to a running environment: its network, its containers in order, until they answer, the names by which they are
// reached, and away again. Knows nothing of builds, queues or who asked, and of the proxy only its labels and its network.
export { type RemoveAttemptOptions, removeAttempt } from "./attempt.js";
export { bringBack, findCutOff, finishSwitch } from "./cut-off.js";
export { applyFirewall, type FirewallOptions, type FirewallState } from "./firewall.js";
export { type FoundEnvironment, findEnvironments } from "./found.js";
export { hibernateEnvironment, type WakeOptions, wakeEnvironment } from "./hibernate.js";
export type { HookEvent, HookKind } from "./hooks.js";
export { engineRoutes } from "./host-routes.js";
export { hostsOf, type Ingress, type PublicAddress } from "./hosts.js";
export { removeOwnNames, removeUnusedImages } from "./images.js";
export type { Owner } from "./labels.js";
export { checkPlatform, type Emulates } from "./platform.js";
export { containerProbe, directProbe, type Probe, type ProbeTarget } from "./probe.js";
export { reconnectProxy } from "./proxy.js";
export type { Routing } from "./routes.js";
export { type ServiceLogLine, type ServiceLogsOptions, serviceLogs } from "./service-logs.js";
export { type ServiceStats, serviceStats } from "./service-stats.js";
export {
  type RunningEnvironment,
  type RunningService,
  type StartOptions,
  startEnvironment,
} from "./start.js";
export { type StopOptions, stopEnvironment } from "./stop.js";
export type { Moved } from "./switch-over.js";
export { type ContainerTraffic, publicTraffic } from "./traffic.js";
export { type ServiceEvent, watchServices } from "./watch-services.js";
