// Who may use the server: the first administrator, signing in, sessions, API tokens. Gives the HTTP room its authenticator and adds
// the routes for all of it; must not know what anybody does with their access.
export { type AccountDeps, accountRoutes } from "./account-routes.js";
export { createAuthenticator } from "./authenticator.js";
