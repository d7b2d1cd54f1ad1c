/**
 * Packages that the bundle of the command does not have in it: loaded from node_modules by those commands alone that need them (servers,
 * databases), or bringing files of their own. `agent`: those without which an agent, an ingress or a build cannot be run.
 */
export const residents = {
  agent: ["@nats-io/jwt", "httpxy", "nats", "pino", "prom-client"],
  server: ["@electric-sql/pglite", "@fastify/*", "drizzle-orm", "fastify", "fastify-type-provider-zod", "pg"],
};
