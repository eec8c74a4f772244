export { Database, type DatabaseOptions, type DatabasePlace, type IamDatabaseOptions, type SecretDatabaseOptions, type UrlDatabaseOptions } from './database';
export { Rollcall, type RollcallProps } from './rollcall';
export { Table, type TableProps } from './table';
