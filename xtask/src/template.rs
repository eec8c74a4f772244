//! `cargo xtask template`: CloudFormation templates and the zips they name, for who deploys without the CDK.

use std::path::{Path, PathBuf};

use crate::{
    cdk_arguments::context_of,
    cdk_packages,
    deploy::split,
    files::{copy, empty, files_in, read},
    package::{self, package_as_before},
    step::{Failure, in_infra, root, say, step},
};

const TEMPLATE: &str = ".template.json";

/// What the app calls the file with the order of its stacks: `infra/app/packages.ts`.
const ORDER: &str = "stacks";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// None: our own folder below `target`.
    output: Option<PathBuf>,
    context: Vec<(String, String)>,
}

impl Options {
    /// Reads what follows `template`; an error says what is wrong.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let (own, cdk) = split(arguments);
        let output = match own {
            [] => None,
            [option, folder] if option == "--output" => Some(PathBuf::from(folder)),
            [option] if option == "--output" => return Err("`--output` needs a folder".to_owned()),
            [first, rest @ ..] => {
                let wrong = if first == "--output" { rest.get(1) } else { None }.unwrap_or(first);
                return Err(format!("`template` does not take `{wrong}`; options for the CDK app come after `--`"));
            }
        };
        let context = context_of(cdk).ok_or("`template` takes nothing but `-c key=value` after `--`")?;
        Ok(Self { output, context })
    }
}

/// Writes the templates and the zips into a folder that holds nothing else, and says how to use them.
pub(crate) fn template(options: &Options) -> Result<(), Failure> {
    let ours = root().join("target/cloudformation");
    let output = options.output.as_deref().unwrap_or(&ours);
    if output != ours {
        refuse_unless_empty(output)?;
    }
    package_as_before()?;
    cdk_packages::install()?;
    let assembly = root().join("target/template-export");
    empty(&assembly)?;
    step(
        "making the templates",
        in_infra("node")
            .args(["--import", "tsx", "app/rollcall.ts"])
            .env("CDK_OUTDIR", &assembly)
            .env("CDK_CONTEXT_JSON", json(&context(&package::folder(), &options.context)))
            // The templates fit every account and Region.
            .env_remove("CDK_DEFAULT_ACCOUNT")
            .env_remove("CDK_DEFAULT_REGION"),
    )?;
    empty(output)?;
    export(&assembly, output)?;
    say(&instructions(output, &stacks_in(&assembly)?));
    Ok(())
}

/// Whatever lies in the folder would go into the bucket too.
fn refuse_unless_empty(folder: &Path) -> Result<(), Failure> {
    if !folder.exists() || files_in(folder)?.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{} is not empty: name a new folder with `--output`", folder.display())))
}

/// What the app is told; what the caller chooses comes last and wins.
fn context(functions: &Path, chosen: &[(String, String)]) -> Vec<(String, String)> {
    let ours = [("functions", functions.to_string_lossy().as_ref()), ("code", "bucket")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    ours.into_iter().chain(chosen.iter().cloned()).collect()
}

/// A JSON object of texts. Of a key that is there twice, every reader takes the last.
fn json(pairs: &[(String, String)]) -> String {
    let members: Vec<_> = pairs.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value))).collect();
    format!("{{{}}}", members.join(","))
}

fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|character| match character {
        '"' | '\\' => format!("\\{character}"),
        control if control < ' ' => format!("\\u{:04x}", u32::from(control)),
        other => other.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// Copies what CloudFormation needs.
fn export(assembly: &Path, output: &Path) -> Result<(), Failure> {
    for file in files_in(assembly)? {
        let name = file.file_name().unwrap_or_default();
        if name.to_string_lossy().ends_with(TEMPLATE) || file.extension() == Some("zip".as_ref()) {
            copy(&file, &output.join(name))?;
        }
    }
    Ok(())
}

/// A stack as CloudFormation is told of it.
struct Stack {
    name: String,
    /// Whether it takes functions from a bucket; a parameter that it does not declare would be refused.
    takes_code: bool,
}

/// The stacks as the app has written them, those first that others import from.
fn stacks_in(assembly: &Path) -> Result<Vec<Stack>, Failure> {
    let order = read(&assembly.join(ORDER))?;
    let stack = |name: &str| {
        let takes_code = read(&assembly.join(format!("{name}{TEMPLATE}")))?.contains("\"CodeBucket\"");
        Ok(Stack { name: name.to_owned(), takes_code })
    };
    order.lines().map(stack).collect()
}

fn instructions(output: &Path, stacks: &[Stack]) -> String {
    let folder = output.display();
    let deployments: Vec<_> = stacks
        .iter()
        .map(|Stack { name, takes_code }| {
            let code = if *takes_code { " CodeBucket=BUCKET CodePrefix=rollcall/" } else { "" };
            format!(
                "  aws cloudformation deploy --template-file {folder}/{name}{TEMPLATE} --stack-name {name} --s3-bucket BUCKET \\
    --capabilities CAPABILITY_IAM --parameter-overrides{code} …"
            )
        })
        .collect();
    format!(
        "the templates and the zips are in {folder}; put them into a bucket of the Region that you deploy to:

  aws s3 cp --recursive {folder} s3://BUCKET/rollcall/
{}

for `…` give the stack's parameters that have no default, such as UserPoolId=eu-central-1_AbCdEfGhI; where it has none, leave `--parameter-overrides` out",
        deployments.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(arguments: &[&str]) -> Vec<String> {
        arguments.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_folder_and_a_context_can_be_chosen() {
        let chosen = Options::parse(&owned(&["--output", "out", "--", "-c", "database=iam"]));
        let context = vec![("database".to_owned(), "iam".to_owned())];
        assert_eq!(chosen, Ok(Options { output: Some("out".into()), context }));
        assert_eq!(Options::parse(&[]), Ok(Options { output: None, context: vec![] }));
        for wrong in [&["out"] as &[_], &["--output"], &["--", "--parameters", "A=b"]] {
            assert!(Options::parse(&owned(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_context_is_json_whatever_a_folder_is_called() {
        let told = context(Path::new("/a \"b\"\\\n"), &[("code".to_owned(), "asset".to_owned())]);
        assert_eq!(json(&told), r#"{"functions":"/a \"b\"\\\u000a","code":"bucket","code":"asset"}"#);
    }
}
