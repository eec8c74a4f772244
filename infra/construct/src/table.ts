/** Where rows go. */
export interface TableProps {
  /**
   * `table` or `schema.table`. A name with other characters than small letters, digits and underscores stands in double quotes.
   *
   * @default - the table `users`, which is made
   */
  readonly name?: string;

  /**
   * What your columns are called, by the attribute that each receives, such as `{ email: 'email_address' }`.
   *
   * The attributes that are not named here keep rollcall's own columns: `cognito_sub`, `email`, `first_name` and `last_name`.
   * An empty text leaves an attribute out.
   * `username`, `phone_number`, `trace_id`, `user_pool_id` and the like, and the custom attributes of `forwardAttributes`, have no column unless you name one.
   *
   * @default - rollcall's own columns
   */
  readonly columns?: Record<string, string>;

  /**
   * What else each new row holds, by column: `true`, `false`, a number, or a text in single quotes, as in `{ source: "'cognito'" }`.
   *
   * @default - `{ is_active: 'true' }` if the table is `users`, and else nothing
   */
  readonly constants?: Record<string, string>;
}

/** The column of each attribute unless a table says otherwise; the same as in `consumer/src/table/mod.rs`. */
export const OWN_COLUMNS: Readonly<Record<string, string>> = {
  cognito_sub: 'cognito_sub',
  email: 'email',
  first_name: 'first_name',
  last_name: 'last_name',
};

/** What else a row of our own table holds. */
export const OWN_CONSTANTS: Readonly<Record<string, string>> = { is_active: 'true' };

/** A table of yours, as it is. The deployment checks that it fits, or makes it if it is rollcall's own. */
export class Table {
  /** As the functions read it from `USERS_TABLE`: empty for our own. */
  private readonly name: string;
  /** As the functions read it from `USERS_COLUMNS`: empty for our own. */
  private readonly columns: string;

  public constructor(props: TableProps = {}) {
    this.name = props.name ?? '';
    this.columns = entries(props);
  }

  /** @internal */
  public _variables(): Record<string, string> {
    return { USERS_TABLE: this.name, USERS_COLUMNS: this.columns };
  }
}

function entries({ name, columns, constants }: TableProps): string {
  if (columns === undefined && constants === undefined && name === undefined) return '';
  const holds = Object.entries({ ...OWN_COLUMNS, ...columns }).filter(([, column]) => column !== '');
  if (!holds.some(([attribute]) => attribute === 'cognito_sub')) {
    throw new Error('`columns` leaves `cognito_sub` out: no row could be found again; name the column that holds it');
  }
  const fixed = Object.entries(constants ?? (name === undefined ? OWN_CONSTANTS : {}));
  return [
    ...holds.map(([attribute, column]) => `${attribute}=${quoted(column)}`),
    // In quotes, because a bare word that is an attribute's name would be that attribute.
    ...fixed.map(([column, literal]) => `"${column.replaceAll('"', '""')}"=${literal}`),
  ].join(',');
}

/** A column's name as it is in the database; in quotes only where the grammar asks for them. */
function quoted(name: string): string {
  return /^[a-z0-9_]+$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
