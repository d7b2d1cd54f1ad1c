// What agents keep for repositories, asked of them: nothing of it is kept here. Knows who may ask and how a question travels; must not know how
// an agent finds its answer.
export { type CachesDeps, cacheRoutes } from "./routes.js";
