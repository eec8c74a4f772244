//! Which columns a rule of the table concerns, ours or others: what the server's catalogues know.
//!
//! Source: "System Catalogs" (`pg_constraint`, `pg_index`, `pg_depend`) in the PostgreSQL documentation.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use sqlx::{PgConnection, Row};

use crate::{classify::Violated, database::Pooler, insert_statement::InsertStatement, statement::run};

/// The columns of our table, or of a partition of it, that a rule concerns.
///
/// A constraint has its columns in `conkey`, where a zero stands for the whole row in a check; an index, its expressions and its predicate have theirs in `pg_depend`; a domain concerns the columns of its type.
/// A generated column stands for those that it is made of, which `pg_depend` lists under the column or, since Postgres 15, under its default.
const CONCERNED: &str = "\
with place as ( \
  select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace \
  where case when $2 is null then c.oid = to_regclass($6) \
    else n.nspname = $1 and c.relname = $2 \
      and (c.oid = to_regclass($6) or to_regclass($6) in (select pg_partition_ancestors(c.oid))) end), \
concerned as ( \
  select a.attrelid, a.attnum from pg_attribute a join place on place.oid = a.attrelid \
  where a.attnum > 0 and not a.attisdropped and (a.attname = $3 \
    or exists (select from pg_type t join pg_namespace n on n.oid = t.typnamespace \
      where t.oid = a.atttypid and n.nspname = $1 and t.typname = $5) \
    or exists (select from pg_constraint k where k.conrelid = a.attrelid and k.conname = $4 \
      and (a.attnum = any (k.conkey) or (k.contype = 'c' and 0 = any (k.conkey)))) \
    or exists (select from pg_depend d \
      where d.refclassid = 'pg_class'::regclass and d.refobjid = a.attrelid and d.refobjsubid = a.attnum \
        and d.classid = 'pg_class'::regclass and d.objid in (select i.indexrelid from pg_index i \
          join pg_class x on x.oid = i.indexrelid where i.indrelid = a.attrelid and x.relname = $4)))), \
made_of as ( \
  select c.attrelid, d.refobjsubid as attnum from concerned c \
  join pg_attribute g on g.attrelid = c.attrelid and g.attnum = c.attnum and g.attgenerated <> '' \
  left join pg_attrdef f on f.adrelid = c.attrelid and f.adnum = c.attnum \
  join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = c.attrelid and d.refobjsubid > 0 \
    and ((d.classid = 'pg_class'::regclass and d.objid = c.attrelid and d.objsubid = c.attnum) \
      or (d.classid = 'pg_attrdef'::regclass and d.objid = f.oid))) \
select a.attname::text from pg_attribute a \
where a.attgenerated = '' and (a.attrelid, a.attnum) in (select * from concerned union all select * from made_of)";

/// Whose columns a rule concerns. Ours are those whose value comes from the event.
#[derive(Clone, Copy)]
pub(crate) enum Concerns {
    /// Only ours.
    Us,
    /// Ours and others.
    UsAndOthers,
    /// None of ours. So does a rule of another table, which a trigger writes to.
    Others,
}

/// What has been found out so far. The catalogues are asked once about each rule.
#[derive(Default)]
pub(crate) struct Catalogue {
    known: Mutex<HashMap<Violated, Concerns>>,
}

impl Catalogue {
    /// Whose columns the rule concerns.
    pub(crate) async fn concerns(
        &self,
        connection: &mut PgConnection,
        pooler: Pooler,
        statement: &InsertStatement,
        rule: &Violated,
    ) -> Result<Concerns, sqlx::Error> {
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(rule) {
            return Ok(*known);
        }
        let query = [&rule.schema, &rule.table, &rule.column, &rule.constraint, &rule.data_type]
            .into_iter()
            .fold(sqlx::query(CONCERNED), |query, name| query.bind(name.clone()))
            .bind(statement.table().to_owned());
        let rows = run(connection, pooler, query).await?;
        let columns = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
        let ours = columns.iter().filter(|column| statement.writes(column)).count();
        let concerns = match ours {
            0 => Concerns::Others,
            ours if ours < columns.len() => Concerns::UsAndOthers,
            _ => Concerns::Us,
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(rule.clone(), concerns);
        Ok(concerns)
    }
}
