//! The table as the catalogues have it.
//!
//! Source: "System Catalogs" (`pg_attribute`, `pg_cast`, `pg_index`, `pg_policy`, `pg_rewrite`, `pg_trigger`) in the PostgreSQL documentation.

use sqlx::{PgConnection, Row, postgres::PgRow, postgres::types::Oid};

use crate::{
    sequences::{ClosedSequence, closed_to},
    table::Table,
};

/// What the catalogues say. Names are as SQL writes them, quoted where they must be.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) schema: String,
    /// A view is not, and a foreign table takes no `on conflict`.
    pub(super) is_table: bool,
    /// The role that asks.
    pub(super) role: String,
    pub(super) may_use_schema: bool,
    pub(super) row_security: RowSecurity,
    pub(super) columns: Vec<FoundColumn>,
    pub(super) unique_indexes: Vec<UniqueIndex>,
    pub(super) triggers: Vec<Trigger>,
    pub(super) rules: Vec<String>,
    /// Those that the role may not use.
    pub(super) sequences: Vec<ClosedSequence>,
    /// The names of the columns that are wanted, in order.
    pub(super) wanted: Vec<String>,
}

/// What row security means for the role.
pub(super) enum RowSecurity {
    Off,
    /// It applies, and no policy is for this role.
    NoPolicy,
    /// It applies, and the policies' own conditions say to which rows.
    Policies,
}

pub(super) struct FoundColumn {
    pub(super) name: String,
    /// With its length, as SQL writes it.
    pub(super) sql_type: String,
    pub(super) base: BaseType,
    /// Which of our values an assignment turns into a value of this column.
    pub(super) accepts: Accepts,
    pub(super) not_null: bool,
    pub(super) filled: Filled,
    pub(super) insertable: bool,
    pub(super) selectable: bool,
}

/// The type, or the type that a domain is made of.
pub(super) enum BaseType {
    Uuid,
    Text {
        /// The most characters, if there is a limit.
        most: Option<i32>,
        /// Whether shorter texts are filled up with blanks.
        padded: bool,
    },
    Other,
}

pub(super) struct Accepts {
    pub(super) uuid: bool,
    pub(super) text: bool,
    pub(super) boolean: bool,
}

/// Where the value of a new row comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// From the insert, or it is null.
    ByTheInsert,
    /// From a default or an identity when the insert leaves it out.
    ByDefault,
    /// From the table alone: the insert must leave it out.
    Always,
}

/// A valid unique index.
pub(super) struct UniqueIndex {
    pub(super) name: String,
    /// The columns that it is about, those inside expressions included.
    pub(super) columns: Vec<String>,
    /// Whether it covers every row, has no expressions, and is checked at once, as `on conflict` needs.
    pub(super) arbitrates: bool,
}

/// A row-level trigger that runs before an insert or instead of it.
pub(super) struct Trigger {
    pub(super) name: String,
    pub(super) function: String,
}

/// None when there is no such table.
pub(super) async fn read(connection: &mut PgConnection, table: &Table) -> Result<Option<Found>, sqlx::Error> {
    let Some(row) = table_row(connection, table).await? else { return Ok(None) };
    let oid: Oid = row.try_get("oid")?;
    let wanted: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let wanted = sqlx::query(WANTED).persistent(false).bind(wanted).fetch_one(&mut *connection).await?;
    Ok(Some(Found {
        name: row.try_get("name")?,
        schema: row.try_get("schema")?,
        is_table: row.try_get("is_table")?,
        role: row.try_get("role")?,
        may_use_schema: row.try_get("may_use_schema")?,
        row_security: match (row.try_get("secured")?, row.try_get("has_policy")?) {
            (false, _) => RowSecurity::Off,
            (true, false) => RowSecurity::NoPolicy,
            (true, true) => RowSecurity::Policies,
        },
        columns: rows_of(connection, COLUMNS, oid, column).await?,
        unique_indexes: rows_of(connection, UNIQUE_INDEXES, oid, unique_index).await?,
        triggers: rows_of(connection, TRIGGERS, oid, trigger).await?,
        rules: rows_of(connection, RULES, oid, |row| row.try_get("name")).await?,
        sequences: closed_to(connection, oid, table, None).await?,
        wanted: wanted.try_get("names")?,
    }))
}

/// Not by `to_regclass`, which fails for a schema that the role may not use.
async fn table_row(connection: &mut PgConnection, table: &Table) -> Result<Option<PgRow>, sqlx::Error> {
    const TABLE: &str = "\
select c.oid, c.oid::regclass::text as name, quote_ident(n.nspname) as schema, c.relkind in ('r', 'p') as is_table, \
  quote_ident(current_user) as role, has_schema_privilege(n.oid, 'usage') as may_use_schema, \
  row_security_active(c.oid) as secured, \
  exists (select from pg_policy p, unnest(p.polroles) as r (oid) where p.polrelid = c.oid \
    and (r.oid = 0 or pg_has_role(r.oid, 'usage'))) as has_policy \
from pg_class c join pg_namespace n on n.oid = c.relnamespace \
where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relname = $1 \
  and case when $2::text is null then pg_table_is_visible(c.oid) else n.nspname = $2 end";
    let schema = table.schema.as_ref().map(crate::table::Name::as_str);
    let query = sqlx::query(TABLE).persistent(false).bind(table.name.as_str()).bind(schema);
    query.fetch_optional(connection).await
}

async fn rows_of<T>(
    connection: &mut PgConnection,
    query: &'static str,
    table: Oid,
    read: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
) -> Result<Vec<T>, sqlx::Error> {
    let rows = sqlx::query(query).persistent(false).bind(table).fetch_all(connection).await?;
    rows.iter().map(read).collect()
}

const WANTED: &str = "\
select array(select quote_ident(name) from unnest($1::text[]) with ordinality as wanted (name, at) order by at) as names";

/// A domain counts as the type that it is made of. Any type can be assigned to a text type.
///
/// Source of the 4: the length of `varchar(n)` and `char(n)` is kept with the size of its own header.
const COLUMNS: &str = "\
select quote_ident(a.attname) as name, format_type(a.atttypid, a.atttypmod) as sql_type, \
  base.typname::text as base, base.typcategory = 'S' as is_text, \
  nullif(greatest(a.atttypmod, t.typtypmod), -1) - 4 as most, \
  a.attnotnull or t.typnotnull as not_null, \
  a.atthasdef or a.attidentity <> '' or t.typdefault is not null as has_default, \
  a.attgenerated <> '' or a.attidentity = 'a' as is_generated, \
  has_column_privilege(a.attrelid, a.attnum, 'insert') as insertable, \
  has_column_privilege(a.attrelid, a.attnum, 'select') as selectable, \
  accepts.uuid, accepts.text, accepts.boolean \
from pg_attribute a join pg_type t on t.oid = a.atttypid \
join pg_type base on base.oid = coalesce(nullif(t.typbasetype, 0), t.oid), \
lateral (select bool_or(ours.type = 'uuid'::regtype), bool_or(ours.type = 'text'::regtype), \
    bool_or(ours.type = 'boolean'::regtype) \
  from unnest(array['uuid', 'text', 'boolean']::regtype[]) as ours (type) \
  where ours.type = base.oid or base.typcategory = 'S' or exists (select from pg_cast c \
    where c.castsource = ours.type and c.casttarget = base.oid and c.castcontext in ('a', 'i')) \
) as accepts (uuid, text, boolean) \
where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped order by a.attnum";

/// The columns of an expression are those that the index depends on.
const UNIQUE_INDEXES: &str = "\
select quote_ident(c.relname) as name, i.indimmediate and i.indpred is null and i.indexprs is null as arbitrates, \
  array(select quote_ident(a.attname) from pg_attribute a where a.attrelid = i.indrelid and (exists ( \
      select from unnest(i.indkey::int2[]) with ordinality as key (attnum, at) \
      where key.attnum = a.attnum and key.at <= i.indnkeyatts) \
    or i.indexprs is not null and exists (select from pg_depend d \
      where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid \
        and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid and d.refobjsubid = a.attnum)) \
    and a.attnum > 0 order by a.attnum) as columns \
from pg_index i join pg_class c on c.oid = i.indexrelid \
where i.indrelid = $1 and i.indisunique and i.indisvalid order by c.relname";

/// Source of the bits: `TRIGGER_TYPE_ROW`, `_BEFORE`, `_INSERT` and `_INSTEAD` in PostgreSQL's `catalog/pg_trigger.h`.
const TRIGGERS: &str = "\
select quote_ident(tgname) as name, tgfoid::regprocedure::text as function from pg_trigger \
where tgrelid = $1 and not tgisinternal and tgenabled in ('O', 'A') \
  and tgtype & 1 = 1 and tgtype & 4 = 4 and tgtype & (2 | 64) <> 0 order by tgname";

/// Rules for INSERT and UPDATE: Postgres allows no `on conflict` where there is one, even a disabled one.
/// Source: "INSERT", section "ON CONFLICT Clause", in the PostgreSQL documentation.
const RULES: &str = "select quote_ident(rulename) as name from pg_rewrite where ev_class = $1 and ev_type in ('2', '3') order by rulename";

fn column(row: &PgRow) -> Result<FoundColumn, sqlx::Error> {
    let type_name: String = row.try_get("base")?;
    let base = match type_name.as_str() {
        "uuid" => BaseType::Uuid,
        _ if row.try_get("is_text")? => BaseType::Text { most: row.try_get("most")?, padded: type_name == "bpchar" },
        _ => BaseType::Other,
    };
    let accepts = |name| row.try_get::<Option<bool>, _>(name).map(|accepts| accepts == Some(true));
    Ok(FoundColumn {
        name: row.try_get("name")?,
        sql_type: row.try_get("sql_type")?,
        base,
        accepts: Accepts { uuid: accepts("uuid")?, text: accepts("text")?, boolean: accepts("boolean")? },
        not_null: row.try_get("not_null")?,
        filled: match (row.try_get("has_default")?, row.try_get("is_generated")?) {
            (_, true) => Filled::Always,
            (true, false) => Filled::ByDefault,
            (false, false) => Filled::ByTheInsert,
        },
        insertable: row.try_get("insertable")?,
        selectable: row.try_get("selectable")?,
    })
}

fn unique_index(row: &PgRow) -> Result<UniqueIndex, sqlx::Error> {
    Ok(UniqueIndex {
        name: row.try_get("name")?,
        columns: row.try_get("columns")?,
        arbitrates: row.try_get("arbitrates")?,
    })
}

fn trigger(row: &PgRow) -> Result<Trigger, sqlx::Error> {
    Ok(Trigger { name: row.try_get("name")?, function: row.try_get("function")? })
}
