/** The flags of `galley doctor`, as commander hands them over. */
export interface DoctorFlags {
  json?: boolean;
  builder?: string;
}
