//! The sequences behind the defaults of a table. `nextval` in a default needs a privilege of its own, which only the insert itself checks: neither the plan of the INSERT nor a grant on the table does.

use sqlx::{PgConnection, postgres::types::Oid};

use crate::table::Table;

/// A sequence that a role may not use although an insert by that role calls it. Names are as SQL writes them.
pub(crate) struct ClosedSequence {
    pub(crate) sequence: String,
    /// The column that it fills.
    pub(crate) column: String,
}

/// Those that fill the columns which the insert leaves out. Without a role, for the one that asks.
///
/// An identity column asks for no right, and a sequence that is called by a function or found by its name as a text is not known before the call.
///
/// Source: "System Catalogs" (`pg_attrdef`, `pg_depend`) in the PostgreSQL documentation; `nextval` wants `USAGE` or `UPDATE`.
pub(crate) async fn closed_to(
    connection: &mut PgConnection,
    oid: Oid,
    table: &Table,
    role: Option<&str>,
) -> Result<Vec<ClosedSequence>, sqlx::Error> {
    // The case keeps the planner from asking for the right to use what is no sequence, which is an error.
    const CLOSED: &str = "\
select distinct on (a.attnum, d.refobjid) d.refobjid::regclass::text as sequence, quote_ident(a.attname) as column \
from pg_attribute a left join pg_attrdef def on def.adrelid = a.attrelid and def.adnum = a.attnum \
join pg_depend d on d.refclassid = 'pg_class'::regclass and (d.classid = 'pg_attrdef'::regclass and d.objid = def.oid \
  or def.oid is null and d.classid = 'pg_type'::regclass and d.objid = a.atttypid) \
join pg_class s on s.oid = d.refobjid \
where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped and a.attname <> all($2) \
  and case s.relkind when 'S' \
    then not has_sequence_privilege(coalesce($3::name, current_user), s.oid, 'usage, update') else false end \
order by a.attnum, d.refobjid";
    let filled: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let query = sqlx::query_as::<_, (String, String)>(CLOSED).persistent(false).bind(oid).bind(filled).bind(role);
    let closed = query.fetch_all(connection).await?.into_iter();
    Ok(closed.map(|(sequence, column)| ClosedSequence { sequence, column }).collect())
}
