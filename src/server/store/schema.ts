// Every table, one file a topic. Each is made by the migrations of its topic.
export * from "./deployments-schema.js";
export * from "./ground-schema.js";
