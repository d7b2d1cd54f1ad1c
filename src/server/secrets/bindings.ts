/** Where a sealed value belongs. It is part of what is authenticated: a value that is moved to another row does not open. */
export type Binding = readonly [table: string, ...key: string[]];

export const bindings = {
  masterKeyCheck: (): Binding => ["instance", "master_key_check"],
  secret: (project: string, key: string): Binding => ["project_secrets", project, key],
  credential: (project: string): Binding => ["projects.credential", project],
  registry: (project: string, host: string): Binding => ["project_registries", project, host],
} as const;
