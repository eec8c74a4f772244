/** One thing that a function may do, and to what. */
export interface Permission {
  readonly actions: string[];
  readonly on: string;
  /** IAM's conditions, if it may only sometimes. */
  readonly when?: Record<string, Record<string, string>>;
}
