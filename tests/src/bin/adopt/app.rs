//! A user's CDK app (`tests/adopt/`), installed into an empty folder with the packed library.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use pipeline_tests::target::Target;
use serde_json::json;

/// The language of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    Python,
    #[value(name = "typescript")]
    TypeScript,
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Python => "Python",
            Self::TypeScript => "TypeScript",
        })
    }
}

impl Language {
    /// The app's folder in this repository.
    fn source(self) -> PathBuf {
        let name = match self {
            Self::Python => "python-cdk",
            Self::TypeScript => "typescript-cdk",
        };
        repository().join("tests/adopt").join(name)
    }

    /// The one file that adopting it changes.
    fn backend(self) -> &'static str {
        match self {
            Self::Python => "backend_stack.py",
            Self::TypeScript => "backend-stack.ts",
        }
    }

    /// Where the packages of this language are below `dist`, and how their files end.
    fn package(self) -> (&'static str, &'static str) {
        match self {
            Self::Python => ("python", ".whl"),
            Self::TypeScript => ("js", ".tgz"),
        }
    }
}

/// An app whose packages are installed.
pub(crate) struct App {
    language: Language,
    folder: PathBuf,
}

impl App {
    /// Copies the app and installs what it needs, the library from its package and everything else from the registries.
    pub(crate) fn install(target: &Target, packages: &Path, language: Language) -> anyhow::Result<Self> {
        let folder = target.folder(&format!("adopt-{language}").to_lowercase())?;
        copy(&language.source(), &folder)?;
        let (kind, end) = language.package();
        let package = only_file(&packages.join(kind), end)?;
        match language {
            Language::Python => {
                run(Command::new(target.python()).args(["-m", "venv", "venv"]).current_dir(&folder))?;
                let mut pip = Command::new(folder.join("venv/bin/python"));
                pip.args(["-m", "pip", "--disable-pip-version-check", "install", "--quiet"]);
                run(pip.args(["-r", "requirements.txt"]).arg(package).current_dir(&folder))?;
            }
            Language::TypeScript => {
                let mut npm = Command::new("npm");
                npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
                run(npm.arg(package).current_dir(&folder))?;
            }
        }
        Ok(Self { language, folder })
    }

    /// The lines that the app with rollcall has and the one without has not; nothing else may differ.
    pub(crate) fn lines_that_adopt(&self) -> anyhow::Result<Vec<String>> {
        let read = |state: &str| {
            let file = self.folder.join(state).join(self.language.backend());
            fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))
        };
        let (before, after) = (read("before")?, read("after")?);
        let mut kept = before.lines().peekable();
        let added = after.lines().filter(|line| kept.next_if_eq(line).is_none()).map(str::to_owned).collect();
        ensure!(kept.next().is_none(), "a line of the app was changed and not only added");
        Ok(added)
    }

    /// The app's templates in one of its states.
    pub(crate) fn synthesize(&self, target: &Target, state: &str) -> anyhow::Result<PathBuf> {
        let out = self.folder.join(format!("cdk.out-{state}"));
        let mut command = match self.language {
            Language::Python => {
                let mut python = Command::new(self.folder.join("venv/bin/python"));
                python.arg("app.py");
                python
            }
            Language::TypeScript => {
                let mut node = Command::new(target.node());
                node.args(["--import", "tsx", "app.ts"]);
                node
            }
        };
        command.current_dir(&self.folder).env("CDK_OUTDIR", &out);
        run(command.env("CDK_CONTEXT_JSON", json!({ "state": state }).to_string()))?;
        Ok(out)
    }
}

/// What the cdk CLI says of a stack's change, in a word: an error unless it only adds.
pub(crate) fn diff(target: &Target, stack: &str, before: &Path, after: &Path) -> anyhow::Result<String> {
    let cli = repository().join("infra/node_modules/aws-cdk/bin/cdk");
    let mut command = Command::new(target.node());
    command.arg(cli).args(["diff", stack, "--exclusively", "--no-color", "--no-notices", "--app"]).arg(after);
    command.arg("--template").arg(before.join(format!("{stack}.template.json"))).env("CI", "true");
    let output = command.stdin(Stdio::null()).output().context("running the cdk CLI")?;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    ensure!(output.status.success(), "`cdk diff` failed: {said}");
    let changes: Vec<_> = said.lines().map(str::trim).filter(|line| line.starts_with('[')).collect();
    let others: Vec<_> = changes.iter().filter(|line| !line.starts_with("[+]")).collect();
    ensure!(others.is_empty(), "more than additions: {others:?}");
    ensure!(!changes.is_empty(), "`cdk diff` says nothing of {stack}: {said}");
    Ok(format!("{} additions, nothing changed and nothing removed", changes.len()))
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    // jsii says on every start that this Node.js is past its end.
    command.env("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20").stdin(Stdio::null());
    let output = command.output().with_context(|| format!("running {}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
    bail!("`{}` ended with {}:\n{}", command.get_program().display(), output.status, said.join("\n").trim())
}

fn only_file(folder: &Path, end: &str) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let files: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|file| file.to_string_lossy().ends_with(end)).collect();
    match files.as_slice() {
        [file] => Ok(file.clone()),
        _ => bail!("{} holds {} files that end in `{end}`, not one", folder.display(), files.len()),
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let (path, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target).with_context(|| format!("copying {}", path.display()))?;
        }
    }
    Ok(())
}
