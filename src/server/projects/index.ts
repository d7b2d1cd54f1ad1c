// Projects: connected repositories with their settings, secrets and credentials. Gives the queue what a job needs of one; must not
// know of deployments or agents.

export { projectRoutes } from "./project-routes.js";
export { createProjects, type ProjectForJob, type Projects } from "./projects.js";
