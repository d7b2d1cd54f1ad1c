// The audit log: who did what to what, when and from where. Written in the transaction of what it tells, so that neither is
// without the other. Never holds a secret; knows nothing of requests.
export { type Actor, type AuditAction, recordAudit } from "./record.js";
