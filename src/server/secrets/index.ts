// Encryption of what is kept secret in the database, under the master key; and tokens, of which only a hash is kept. Knows which
// columns hold sealed values, so that a new master key can take them over; must not know what the values are for.
export { bindings } from "./bindings.js";
export { newToken, tokenHash } from "./token.js";
export { unlock } from "./unlock.js";
export type { Vault } from "./vault.js";
