/** Whose code a deployment brings. */
export const sql = `
-- The word of whoever asked for it: the code is a fork's, or it is not. Null: the agent finds out.
alter table deployments add column fork boolean;
`;
