//! Whether a table that somebody else made can take the consumer's rows, and the SQL that would make it so.
//!
//! Reads the catalogues and changes nothing. Source: "System Catalogs" (`pg_attribute`, `pg_index`) in the PostgreSQL documentation.

use std::fmt;

use sqlx::{Connection, PgConnection, Row, postgres::PgRow};

/// The columns that the insert names, and the types that the migration gives them.
pub(crate) const COLUMNS: [(&str, &str); 5] = [
    ("cognito_sub", "uuid"),
    ("email", "text"),
    ("first_name", "text"),
    ("last_name", "text"),
    ("is_active", "boolean"),
];

/// Characters of a `sub`.
const SUB_CHARS: i32 = 36;

/// The most characters that Cognito stores in an attribute.
/// Source: "Quotas in Amazon Cognito" in the Amazon Cognito developer guide.
const LONGEST_ATTRIBUTE: i32 = 2_048;

/// Something about the table that somebody has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the consumer works all the same.
    pub weight: Weight,
    /// What it is.
    pub what: String,
    /// SQL that changes it, or shows more of it.
    pub sql: String,
}

/// Whether the consumer works all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// No user becomes a row.
    Missing,
    /// Some users do not become rows: they go to the dead letters with the reason.
    Note,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Missing => "missing",
            Weight::Note => "note",
        };
        write!(f, "{weight}: {}\n    {}", self.what, self.sql)
    }
}

/// The table as the catalogues have it.
struct Table {
    name: String,
    takes_rows: bool,
    row_security: RowSecurity,
    key_is_unique: bool,
    unique_emails: bool,
    role: String,
    columns: Vec<Column>,
}

/// What row security means for the role.
enum RowSecurity {
    Off,
    /// It applies, and no policy is for this role.
    NoPolicy,
    /// It applies, and only the policies' own conditions say to which rows.
    Policies,
}

struct Column {
    name: String,
    /// As SQL writes it, with its length.
    sql_type: String,
    kind: Kind,
    not_null: bool,
    filled: Filled,
    insertable: bool,
    selectable: bool,
}

/// Where the value of a new row comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filled {
    /// From the insert, or it is null.
    ByTheInsert,
    /// From a default or an identity when the insert leaves it out.
    ByDefault,
    /// From the table alone: the insert must leave it out.
    Always,
}

enum Kind {
    Uuid,
    /// With the most characters, if there is a limit, and whether shorter texts are filled up with blanks.
    Text {
        most: Option<i32>,
        padded: bool,
    },
    Boolean,
    Other,
}

/// What is missing first, then what there is to know; empty when there is nothing to say.
///
/// None when there is no table `users` in the search path.
///
/// # Errors
///
/// Whatever the database says.
pub async fn check(connection: &mut PgConnection) -> Result<Option<Vec<Finding>>, sqlx::Error> {
    let mut transaction = connection.begin_with("begin transaction read only").await?;
    let table = read(&mut transaction).await?;
    transaction.rollback().await?;
    Ok(table.map(|table| {
        let mut findings = table.findings();
        findings.sort_by_key(|finding| finding.weight);
        findings
    }))
}

impl Table {
    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !self.takes_rows {
            let sql = format!("drop view {};", self.name);
            findings.push(missing(format!("`{}` is no table", self.name), sql));
        }
        for (name, sql_type) in COLUMNS {
            match self.columns.iter().find(|column| column.name == name) {
                Some(column) => findings.extend(self.of_ours(column, sql_type)),
                None => findings.push(missing(
                    format!("there is no column `{name}`"),
                    self.alter(&format!("add column {name} {sql_type}")),
                )),
            }
        }
        findings.extend(self.columns.iter().filter_map(|column| self.of_others(column)));
        findings.extend(self.of_keys());
        findings
    }

    /// A column that the insert names.
    fn of_ours(&self, column: &Column, sql_type: &str) -> Vec<Finding> {
        let name = &column.name;
        let mut findings = Vec::new();
        let change_type = || self.alter(&format!("alter column {name} type {sql_type} using {name}::{sql_type}"));
        if !column.holds(sql_type) {
            findings.push(missing(format!("`{name}` is {}, which cannot hold it", column.sql_type), change_type()));
        } else if let (Kind::Text { most: Some(most), .. }, "text") = (&column.kind, sql_type)
            && *most < LONGEST_ATTRIBUTE
        {
            let what = format!(
                "`{name}` holds {most} characters; Cognito allows {LONGEST_ATTRIBUTE}, and a longer one is refused"
            );
            findings.push(note(what, change_type()));
        }
        if column.filled == Filled::Always {
            let what = format!("`{name}` is generated, so nothing can be inserted into it");
            findings.push(missing(what, self.alter(&format!("drop column {name}, add column {name} {sql_type}"))));
        }
        if sql_type == "text" && column.not_null {
            let what = format!("`{name}` may not be null, and a user may have none");
            findings.push(note(what, self.alter(&format!("alter column {name} drop not null"))));
        }
        if !column.insertable {
            let what = format!("the role `{}` may not insert into `{name}`", self.role);
            findings.push(missing(what, format!("grant insert ({name}) on {} to {};", self.name, self.role)));
        }
        if name == "cognito_sub" {
            findings.extend(self.of_key_column(column));
        }
        findings
    }

    fn of_key_column(&self, column: &Column) -> Option<Finding> {
        if !column.selectable {
            // `on conflict` and `returning` read it.
            let what = format!("the role `{}` may not read `cognito_sub`", self.role);
            return Some(missing(what, format!("grant select (cognito_sub) on {} to {};", self.name, self.role)));
        }
        matches!(column.kind, Kind::Text { .. }).then(|| {
            let what =
                "`cognito_sub` is a text, so rows that are there must hold it as Cognito writes it, in lower case";
            note(
                what.to_owned(),
                format!("select cognito_sub from {} where cognito_sub <> lower(cognito_sub);", self.name),
            )
        })
    }

    /// A column that the insert leaves out.
    fn of_others(&self, column: &Column) -> Option<Finding> {
        let ours = COLUMNS.iter().any(|(name, _)| *name == column.name);
        let name = &column.name;
        (!ours && column.not_null && column.filled == Filled::ByTheInsert).then(|| {
            let what = format!("`{name}` may not be null and has no default, and the consumer does not know it");
            missing(what, self.alter(&format!("alter column {name} drop not null")))
        })
    }

    fn of_keys(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let table = &self.name;
        if !self.key_is_unique {
            let what = "nothing makes `cognito_sub` unique by itself, so a repeated event would make a second row";
            let sql = format!("create unique index concurrently users_cognito_sub_key on {table} (cognito_sub);");
            findings.push(missing(what.to_owned(), sql));
        }
        if self.unique_emails {
            let what =
                "`email` is unique here and not in Cognito: the second user with an address goes to the dead letters";
            let sql = format!("select email, count(*) from {table} group by email having count(*) > 1;");
            findings.push(note(what.to_owned(), sql));
        }
        match self.row_security {
            RowSecurity::Off => {}
            RowSecurity::NoPolicy => {
                let what = format!("row security lets the role `{}` insert and read nothing", self.role);
                let sql = format!("create policy rollcall on {table} to {} using (true) with check (true);", self.role);
                findings.push(missing(what, sql));
            }
            RowSecurity::Policies => {
                let what =
                    format!("row security applies: its policies must let the role `{}` insert and read", self.role);
                findings.push(note(what, format!("select * from pg_policies where tablename = '{table}';")));
            }
        }
        findings
    }

    fn alter(&self, action: &str) -> String {
        format!("alter table {} {action};", self.name)
    }
}

impl Column {
    /// Whether the consumer's value becomes a value of this column, as an assignment.
    fn holds(&self, sql_type: &str) -> bool {
        match (&self.kind, sql_type) {
            (Kind::Uuid, "uuid") | (Kind::Boolean, "boolean") | (Kind::Text { .. }, "text") => true,
            (Kind::Text { most, padded }, "uuid") => {
                most.is_none_or(|most| if *padded { most == SUB_CHARS } else { most >= SUB_CHARS })
            }
            _ => false,
        }
    }
}

fn missing(what: String, sql: String) -> Finding {
    Finding { weight: Weight::Missing, what, sql }
}

fn note(what: String, sql: String) -> Finding {
    Finding { weight: Weight::Note, what, sql }
}

async fn read(connection: &mut PgConnection) -> Result<Option<Table>, sqlx::Error> {
    /// An index counts for `on conflict (column)` if it is of this column alone, of every row, and checked at once.
    const TABLE: &str = "\
select c.oid::regclass::text, c.relkind in ('r', 'p'), row_security_active(c.oid), \
  exists (select from pg_policy p, unnest(p.polroles) as r (oid) where p.polrelid = c.oid \
    and (r.oid = 0 or pg_has_role(r.oid, 'usage'))), \
  quote_ident(current_user), \
  exists (select from keys where attname = 'cognito_sub' and indimmediate), \
  exists (select from keys where attname = 'email') \
from pg_class c, lateral (select to_regclass('users')) as found (oid) where c.oid = found.oid";
    const KEYS: &str = "\
with keys as ( \
  select a.attname, i.indimmediate from pg_index i \
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] \
  where i.indrelid = to_regclass('users') and i.indisunique and i.indisvalid and i.indnkeyatts = 1 \
    and i.indpred is null and i.indexprs is null) ";
    /// A domain counts as the type that it is made of.
    const COLUMNS: &str = "\
select quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), base.typname, base.typcategory = 'S', \
  nullif(greatest(a.atttypmod, t.typtypmod), -1) - 4, a.attnotnull or t.typnotnull, \
  a.atthasdef or a.attidentity <> '' or t.typdefault is not null, a.attgenerated <> '' or a.attidentity = 'a', \
  has_column_privilege(a.attrelid, a.attnum, 'insert'), has_column_privilege(a.attrelid, a.attnum, 'select') \
from pg_attribute a join pg_type t on t.oid = a.atttypid \
join pg_type base on base.oid = coalesce(nullif(t.typbasetype, 0), t.oid) \
where a.attrelid = to_regclass('users') and a.attnum > 0 and not a.attisdropped order by a.attnum";
    let statement = sqlx::AssertSqlSafe(format!("{KEYS}{TABLE}"));
    let Some(table) = sqlx::query(statement).fetch_optional(&mut *connection).await? else { return Ok(None) };
    let columns = sqlx::query(COLUMNS).fetch_all(connection).await?;
    Ok(Some(Table {
        name: table.try_get(0)?,
        takes_rows: table.try_get(1)?,
        row_security: match (table.try_get(2)?, table.try_get(3)?) {
            (false, _) => RowSecurity::Off,
            (true, false) => RowSecurity::NoPolicy,
            (true, true) => RowSecurity::Policies,
        },
        role: table.try_get(4)?,
        key_is_unique: table.try_get(5)?,
        unique_emails: table.try_get(6)?,
        columns: columns.iter().map(column).collect::<Result<_, _>>()?,
    }))
}

fn column(row: &PgRow) -> Result<Column, sqlx::Error> {
    let type_name: String = row.try_get(2)?;
    let kind = match type_name.as_str() {
        "uuid" => Kind::Uuid,
        "bool" => Kind::Boolean,
        // Source of the 4: the length of `varchar(n)` and `char(n)` is kept with the size of its own header.
        _ if row.try_get(3)? => Kind::Text { most: row.try_get(4)?, padded: type_name == "bpchar" },
        _ => Kind::Other,
    };
    Ok(Column {
        name: row.try_get(0)?,
        sql_type: row.try_get(1)?,
        kind,
        not_null: row.try_get(5)?,
        filled: match (row.try_get(6)?, row.try_get(7)?) {
            (_, true) => Filled::Always,
            (true, false) => Filled::ByDefault,
            (false, false) => Filled::ByTheInsert,
        },
        insertable: row.try_get(8)?,
        selectable: row.try_get(9)?,
    })
}
