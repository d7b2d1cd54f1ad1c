// What Prometheus asks for. Counts what others tell it; knows nothing of why.
export { createMetrics, type Metrics } from "./metrics.js";
export { measureAnswers, metricsRoute } from "./routes.js";
