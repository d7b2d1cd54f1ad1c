// Errors and deadlines of every room but `buildkit` (which stands alone and has its own of the same shape). A leaf: it knows no other
// room, so that any of them can use it.
export { abortAfter, withDeadline } from "./deadline.js";
export { GalleyError, type GalleyErrorCode, galleyErrorCodes } from "./galley-error.js";
export { orAborted } from "./or-aborted.js";
