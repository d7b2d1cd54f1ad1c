// The control plane: HTTP API, database, accounts, projects, queue and reconciler. Talks to agents over the bus alone and must not
// know how they build or run anything.
export { openStore, type Store, type StoreLocation } from "./store/index.js";
