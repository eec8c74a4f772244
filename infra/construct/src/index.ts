export { Database, type DatabaseOptions, type DatabasePlace, type IamDatabaseOptions, type SecretDatabaseOptions, type UrlDatabaseOptions } from './database';
export { Rollcall } from './rollcall';
export type { RollcallProps } from './rollcall-props';
export { Table, type TableProps } from './table';
