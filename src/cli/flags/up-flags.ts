/** The flags of `galley up`, as commander hands them over. */
export interface UpFlags {
  detach?: boolean;
  progress?: string;
  port?: string;
  ref?: string;
}
