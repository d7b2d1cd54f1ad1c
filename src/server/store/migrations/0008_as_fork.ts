/** Whose code a deployment was taken to bring. */
export const sql = `
-- What its agent has made of it: the code is treated as a fork's, or not. Null: not known yet.
alter table deployments add column as_fork boolean;
`;
