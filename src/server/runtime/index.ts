// What services of previews print and use now, asked of the agent that holds them. Nothing of it is kept; must not know how an agent finds it.
export { type RuntimeDeps, runtimeRoutes } from "./routes.js";
