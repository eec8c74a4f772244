//! The table that receives rows: its name, its columns, and what each column holds.
//!
//! `USERS_TABLE` and `USERS_COLUMNS` describe your existing table; without them it is the table `users` of our migration.

mod attribute;
mod mapping;
mod name;

use std::fmt;

use rollcall_aws_runtime::environment::{Environment, VariableError};

pub use self::{attribute::Attribute, name::Name};
pub(crate) use self::{attribute::Kind, name::LONGEST_NAME};

const TABLE_HOLDS: &str =
    "`table` or `schema.table`, in double quotes where the name has more than small letters, digits and underscores";
const COLUMNS_HOLDS: &str = "a comma-separated list of `attribute=column` and `column=constant`, such as `cognito_sub=auth_id,email=email_address,is_active=true`";

/// The table that receives rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its schema; without one the search path of the login decides.
    pub schema: Option<Name>,
    /// Its name.
    pub name: Name,
    /// The columns that a row is inserted with, the key among them.
    pub columns: Vec<Column>,
}

/// A column that a row is inserted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Name,
    /// What it holds.
    pub holds: Holds,
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// An attribute of the user.
    Attribute(Attribute),
    /// The same value in each row, as an SQL literal.
    Constant(String),
}

impl Table {
    /// Reads `USERS_TABLE` and `USERS_COLUMNS`.
    ///
    /// # Errors
    ///
    /// [`VariableError`] names the variable and what is wrong with it.
    pub fn read(environment: &Environment) -> Result<Self, VariableError> {
        let unreadable =
            |name, holds, why: mapping::MappingError| VariableError::Unreadable { name, holds, why: why.to_string() };
        let mut table = Self::default();
        if let Some(text) = environment.optional("USERS_TABLE") {
            (table.schema, table.name) =
                mapping::table(text).map_err(|error| unreadable("USERS_TABLE", TABLE_HOLDS, error))?;
        }
        if let Some(text) = environment.optional("USERS_COLUMNS") {
            table.columns =
                mapping::columns(text).map_err(|error| unreadable("USERS_COLUMNS", COLUMNS_HOLDS, error))?;
        }
        Ok(table)
    }

    /// Whether this is the table that our migration makes.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it has the name of the table that our migration makes, whatever its columns are.
    pub(crate) fn has_default_name(&self) -> bool {
        let default = Self::default();
        self.schema == default.schema && self.name == default.name
    }

    /// The name as SQL, quoted whatever it is.
    pub(crate) fn quoted(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", schema.quoted(), self.name.quoted()),
            None => self.name.quoted(),
        }
    }

    /// The column that an attribute goes into.
    pub(crate) fn column_of(&self, attribute: &Attribute) -> Option<&Column> {
        self.columns.iter().find(|column| matches!(&column.holds, Holds::Attribute(held) if held == attribute))
    }
}

impl Default for Table {
    fn default() -> Self {
        let mut columns: Vec<_> = [Attribute::CognitoSub, Attribute::Email, Attribute::FirstName, Attribute::LastName]
            .map(|attribute| Column { name: Name::known(&attribute.to_string()), holds: Holds::Attribute(attribute) })
            .into();
        columns.push(Column { name: Name::known("is_active"), holds: Holds::Constant("true".to_owned()) });
        Self { schema: None, name: Name::known("users"), columns }
    }
}

/// The name as a person writes it, for messages.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        self.name.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(table: &str, columns: &str) -> Result<Table, String> {
        let environment = Environment::from_iter([("USERS_TABLE", table), ("USERS_COLUMNS", columns)]);
        Table::read(&environment).map_err(|error| error.to_string())
    }

    fn shown(table: &Table) -> String {
        let columns = table.columns.iter().map(|column| match &column.holds {
            Holds::Attribute(attribute) => format!("{}<-{attribute}", column.name.quoted()),
            Holds::Constant(literal) => format!("{}:={literal}", column.name.quoted()),
        });
        format!("{}: {}", table.quoted(), columns.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn without_variables_it_is_the_table_of_the_migration() {
        let table = read("", "").unwrap();
        assert!(table.is_default());
        assert_eq!(
            shown(&table),
            r#""users": "cognito_sub"<-cognito_sub "email"<-email "first_name"<-first_name "last_name"<-last_name "is_active":=true"#
        );
    }

    #[test]
    fn a_table_and_its_columns_are_named_as_they_are() {
        let columns = "cognito_sub=auth_id, email = email_address,first_name=given,phone_number=phone,\
                       user_pool_id=pool,custom:tenant=tenant_id,is_active=true,logins=0,source='cognito'";
        let table = read("app.accounts", columns).unwrap();
        assert!(!table.is_default());
        assert_eq!(table.to_string(), "app.accounts");
        assert_eq!(
            shown(&table),
            r#""app"."accounts": "auth_id"<-cognito_sub "email_address"<-email "given"<-first_name "phone"<-phone_number "pool"<-user_pool_id "tenant_id"<-custom:tenant "is_active":=true "logins":=0 "source":='cognito'"#
        );
    }

    #[test]
    fn odd_names_are_written_in_double_quotes() {
        let table = read(r#""My.App"."Users ""2""""#, r#"cognito_sub="authId","email"='a,b=c''d',"=,"=-1.5"#).unwrap();
        assert_eq!(shown(&table), r#""My.App"."Users ""2""": "authId"<-cognito_sub "email":='a,b=c''d' "=,":=-1.5"#);
        assert_eq!(table.to_string(), r#""My.App"."Users ""2""""#);
    }

    #[test]
    fn a_backslash_in_a_text_is_a_backslash_whatever_the_server_is_set_to() {
        let table = read("", r"cognito_sub=id,path='C:\new'").unwrap();
        assert_eq!(shown(&table), r#""users": "id"<-cognito_sub "path":=E'C:\\new'"#);
    }

    #[test]
    fn an_error_names_the_variable_and_says_what_to_write() {
        for (table, why) in [
            ("a.b.c", "`a.b.c` has more than two parts"),
            ("app.", "a name is empty"),
            ("Users", r#"`Users` has other characters than small letters, digits and underscores; write "Users""#),
            ("\"users", "a double quote is not closed"),
            ("\"users\"x", "`\"users\"x` has text after its closing quote"),
        ] {
            let error = read(table, "").unwrap_err();
            assert!(error.starts_with("the environment variable `USERS_TABLE` is not valid: "), "{error}");
            assert!(error.contains(why), "{table}: {error}");
        }
        let long = format!("cognito_sub={}", "a".repeat(64));
        for (columns, why) in [
            ("email=email", "no column holds `cognito_sub`; add `cognito_sub=<its column>`"),
            ("cognito_sub", "`cognito_sub` has no `=`"),
            ("cognito_sub=id,", "there is nothing behind the comma after `cognito_sub=id`; remove the comma"),
            ("cognito_sub=id , , email=e", "nothing behind the comma after `cognito_sub=id`"),
            ("cognito_sub=id,source='a,b',", "nothing behind the comma after `source='a,b'`"),
            (",cognito_sub=id", "it begins with a comma"),
            (" ", "it is blank"),
            ("cognito_sub=id,e_mail=email", "`e_mail` is not an attribute, so `email` must be a constant"),
            ("cognito_sub=id,e_mail=email", "write `email=e_mail` for the attribute `email`"),
            (
                "cognito_sub=id,email='x'",
                r#"`email` is an attribute, so `'x'` must be a column; write "email"='x' for a constant"#,
            ),
            ("cognito_sub=id,email=true", r#"write "email"=true for a constant"#),
            ("cognito_sub=id,email=id", "the column `id` is named twice"),
            ("cognito_sub=id,id=true", "the column `id` is named twice"),
            ("cognito_sub=id,cognito_sub=other", "the attribute `cognito_sub` is named twice"),
            ("cognito_sub=id,source='a", "a single quote is not closed"),
            ("cognito_sub=id,source='a'b", "`'a'b` must be a constant"),
            ("cognito_sub=id,n=1e5", "`1e5` must be a constant"),
            (
                "cognito_sub=id,n=null",
                "`null` must be a constant: `true`, `false`, a number, or a text in single quotes",
            ),
            ("cognito_sub=id,custom:=x", "`custom:` is not an attribute"),
            ("cognito_sub=id,x=custom:tenant", "write `custom:tenant=x` for the attribute `custom:tenant`"),
            ("cognito_sub=authId", r#"write "authId""#),
            (long.as_str(), "is longer than 63 bytes"),
            ("cognito_sub=\"i\0d\"", "a name or a text contains NUL"),
            ("cognito_sub=id,a='x\0'", "a name or a text contains NUL"),
        ] {
            let error = read("", columns).unwrap_err();
            assert!(error.starts_with("the environment variable `USERS_COLUMNS` is not valid: "), "{error}");
            assert!(error.contains(why), "{columns}: {error}");
        }
    }
}
