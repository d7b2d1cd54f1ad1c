// How long environments live: pinned, extended, expired. Decides nothing about how containers are run or taken down: it asks the queue for that.
export { expireEnvironment } from "./expire.js";
export { lifeRoutes } from "./routes.js";
