//! What there is to say about a table. Pure: the catalogues have been read.

use super::{
    Finding, Weight,
    catalogue::{BaseType, Filled, Found, FoundColumn, RowSecurity},
};
use crate::{
    sequences::ClosedSequence,
    table::{Attribute, Holds, Kind, Table},
};

/// Characters of a `sub`.
const SUB_CHARS: i32 = 36;

/// Everything that is found, in no order.
pub(super) fn of(found: &Found, table: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !found.is_table {
        let sql = format!("select relkind from pg_class where oid = '{}'::regclass;", found.name);
        // What follows is about tables: no view has indexes or columns of its own.
        return vec![problem(format!("`{table}` is not an ordinary table"), sql)];
    }
    if !found.may_use_schema {
        let what = format!("the role `{}` may not use the schema `{}`", found.role, found.schema);
        findings.push(problem(what, format!("grant usage on schema {} to {};", found.schema, found.role)));
    }
    for (name, column) in found.wanted.iter().zip(&table.columns) {
        match found.columns.iter().find(|there| there.name == *name) {
            Some(there) => findings.extend(of_wanted(found, there, &column.holds)),
            None => findings.push(problem(
                format!("there is no column `{name}`"),
                alter(found, &format!("add column {name} {}", type_for(&column.holds))),
            )),
        }
    }
    findings.extend(found.columns.iter().filter_map(|column| of_other(found, column)));
    findings.extend(found.sequences.iter().map(|closed| of_sequence(found, closed)));
    findings.extend(of_indexes(found, table));
    findings.extend(of_what_else_runs(found));
    findings.extend(of_row_security(found));
    findings
}

/// A column that the insert names.
fn of_wanted(found: &Found, column: &FoundColumn, holds: &Holds) -> Vec<Finding> {
    let name = &column.name;
    let mut findings = match holds {
        Holds::Attribute(attribute) => of_attribute(found, column, attribute),
        // Whether the column accepts the constant is for the plan to say.
        Holds::Constant(_) => Vec::new(),
    };
    if column.filled == Filled::Always {
        let what = format!(
            "`{name}` is generated, so nothing can be inserted into it; map another column, or leave the attribute out"
        );
        let sql = format!(
            "select attname, pg_get_expr(adbin, adrelid) from pg_attribute join pg_attrdef on adrelid = attrelid and adnum = attnum where attrelid = '{}'::regclass;",
            found.name
        );
        findings.push(problem(what, sql));
    }
    if !column.insertable {
        let what = format!("the role `{}` may not insert into `{name}`", found.role);
        findings.push(problem(what, format!("grant insert ({name}) on {} to {};", found.name, found.role)));
    }
    findings
}

fn of_attribute(found: &Found, column: &FoundColumn, attribute: &Attribute) -> Vec<Finding> {
    let name = &column.name;
    let mut findings = Vec::new();
    let sql_type = attribute.kind().sql();
    let change_type = || alter(found, &format!("alter column {name} type {sql_type} using {name}::{sql_type}"));
    if !can_hold(column, attribute) {
        let what = format!("`{name}` is {}, which cannot hold the attribute `{attribute}`", column.sql_type);
        findings.push(problem(what, change_type()));
    } else if let (BaseType::Text { most: Some(most), .. }, Some(longest)) = (&column.base, attribute.longest())
        && usize::try_from(*most).is_ok_and(|most| most < longest)
    {
        let what = format!(
            "`{name}` holds {most} characters, but Cognito allows {longest}; a user with a longer `{attribute}` is retried, and becomes a dead letter once another user has a row"
        );
        findings.push(warning(what, change_type()));
    }
    if attribute.is_optional() && column.not_null {
        let what = format!("`{name}` may not be null; a user without `{attribute}` becomes a dead letter");
        findings.push(warning(what, alter(found, &format!("alter column {name} drop not null"))));
    }
    if *attribute == Attribute::CognitoSub {
        findings.extend(of_key_column(found, column));
    }
    findings
}

fn of_key_column(found: &Found, column: &FoundColumn) -> Option<Finding> {
    let name = &column.name;
    if !column.selectable {
        // `on conflict` and `returning` read it.
        let what = format!("the role `{}` may not read `{name}`", found.role);
        return Some(problem(what, format!("grant select ({name}) on {} to {};", found.name, found.role)));
    }
    matches!(column.base, BaseType::Text { .. }).then(|| {
        let what = format!("`{name}` is a text; existing rows must hold the `sub` as Cognito writes it, in lower case");
        warning(what, format!("select {name} from {} where {name} <> lower({name});", found.name))
    })
}

/// A column that the insert leaves out.
fn of_other(found: &Found, column: &FoundColumn) -> Option<Finding> {
    let name = &column.name;
    let wanted = found.wanted.contains(name);
    (!wanted && column.not_null && column.filled == Filled::ByTheInsert).then(|| {
        let what = format!("`{name}` may not be null and has no default, and nothing is mapped to it");
        problem(what, alter(found, &format!("alter column {name} drop not null")))
    })
}

fn of_sequence(found: &Found, ClosedSequence { sequence, column }: &ClosedSequence) -> Finding {
    let what = format!("the role `{}` may not use the sequence `{sequence}`, which fills `{column}`", found.role);
    problem(what, format!("grant usage on sequence {sequence} to {};", found.role))
}

fn of_indexes(found: &Found, table: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    let pairs = found.wanted.iter().zip(&table.columns);
    let key = pairs.clone().find(|(_, column)| column.holds == Holds::Attribute(Attribute::CognitoSub));
    let Some((key, _)) = key else { return findings };
    let is_key = |columns: &[String]| matches!(columns, [only] if only == key);
    if !found.unique_indexes.iter().any(|index| index.arbitrates && is_key(&index.columns)) {
        let what = format!("no unique index covers `{key}` alone, so a repeated event would make a second row");
        findings.push(problem(what, format!("create unique index concurrently on {} ({key});", found.name)));
    }
    let ours = |columns: &[String]| !columns.is_empty() && columns.iter().all(|column| found.wanted.contains(column));
    for index in &found.unique_indexes {
        if ours(&index.columns) && !index.columns.contains(key) {
            let columns = index.columns.join(", ");
            let what = format!(
                "the index `{}` makes `{columns}` unique, but Cognito does not; the second user with the same value becomes a dead letter",
                index.name
            );
            let sql = format!("select {columns}, count(*) from {} group by {columns} having count(*) > 1;", found.name);
            findings.push(warning(what, sql));
        }
    }
    findings
}

/// Triggers and rules.
fn of_what_else_runs(found: &Found) -> Vec<Finding> {
    let triggers = found.triggers.iter().map(|trigger| {
        let what = format!(
            "the trigger `{}` runs for each row; a user whose row it skips or rejects is retried, and becomes a dead letter once another user has a row",
            trigger.name
        );
        warning(what, format!("select pg_get_functiondef('{}'::regprocedure);", trigger.function))
    });
    let rules = found.rules.iter().map(|rule| {
        let what = format!("the rule `{rule}` rewrites statements, and Postgres allows no `on conflict` beside it; a trigger can do the same");
        problem(what, format!("select definition from pg_rules where rulename = '{}';", rule.trim_matches('"').replace('\'', "''")))
    });
    triggers.chain(rules).collect()
}

fn of_row_security(found: &Found) -> Option<Finding> {
    let (table, role) = (&found.name, &found.role);
    match found.row_security {
        RowSecurity::Off => None,
        RowSecurity::NoPolicy => {
            let what = format!("row security lets the role `{role}` insert and read nothing");
            Some(problem(what, format!("create policy rollcall on {table} to {role} using (true) with check (true);")))
        }
        RowSecurity::Policies => {
            let what =
                format!("row security applies; its policies must let the role `{role}` insert and read each row");
            let sql = format!(
                "select polname, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid) from pg_policy where polrelid = '{table}'::regclass;"
            );
            Some(warning(what, sql))
        }
    }
}

/// Whether an assignment turns the attribute into a value of this column and, for the key, a cast turns it back.
fn can_hold(column: &FoundColumn, attribute: &Attribute) -> bool {
    match (attribute.kind(), &column.base) {
        (Kind::Text, _) => column.accepts.text,
        (Kind::Boolean, _) => column.accepts.boolean,
        (Kind::Uuid, BaseType::Uuid) => true,
        (Kind::Uuid, BaseType::Text { most, padded }) => {
            column.accepts.uuid && most.is_none_or(|most| if *padded { most == SUB_CHARS } else { most >= SUB_CHARS })
        }
        (Kind::Uuid, BaseType::Other) => false,
    }
}

fn type_for(holds: &Holds) -> &'static str {
    match holds {
        Holds::Attribute(attribute) => attribute.kind().sql(),
        Holds::Constant(literal) if matches!(literal.as_str(), "true" | "false") => "boolean",
        Holds::Constant(literal) if literal.ends_with('\'') => "text",
        Holds::Constant(_) => "numeric",
    }
}

fn alter(found: &Found, action: &str) -> String {
    format!("alter table {} {action};", found.name)
}

fn problem(what: String, sql: String) -> Finding {
    Finding { weight: Weight::Problem, what, sql }
}

fn warning(what: String, sql: String) -> Finding {
    Finding { weight: Weight::Warning, what, sql }
}
