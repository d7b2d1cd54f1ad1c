/** One step forward of the schema. It lies in the program as text, so that a bundle has it too. */
export interface Migration {
  /** `NNNN_name`, counting up from 0001 without gaps. */
  readonly name: string;
  /** One or more statements; they run in one transaction. */
  readonly sql: string;
}
