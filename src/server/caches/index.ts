// What agents keep for repositories, asked of them: nothing is kept here but what they tell of removals. Knows who may ask and how a question travels; must not know how
// an agent finds its answer.
export { noteCacheEvents } from "./removals.js";
export { type CachesDeps, cacheRoutes } from "./routes.js";
