//! The pipeline itself: the functions' binaries, their zips, and the CDK app's template.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::run::Run;
use crate::toolbox::{Node, Python, succeed};
use crate::{REGION, cache, clone};

/// The binaries that the CDK app may deploy.
const FUNCTIONS: [&str; 5] = ["producer", "pre-sign-up", "consumer", "migrate", "trigger-wiring"];

/// What the zips are built for, as the CDK app reads it beside them.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };

/// How hard the zips are compressed, 0 to 9. They go from one folder of this machine to another: little is enough.
const COMPRESSION: &str = "1";

/// What the CDK app calls the stack with the pipeline, unless the environment has a name of its own.
pub(crate) const STACK: &str = "RollcallPipeline";

/// What the deployed stack says about itself, as in the CDK app.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Outputs {
    /// The bus that the producer publishes to.
    pub bus_name: String,
    /// The same bus, for policies and rules.
    pub bus_arn: String,
    /// The queue that the consumer reads.
    pub queue_url: String,
    /// The same queue, for policies.
    pub queue_arn: String,
    /// Messages that the consumer could not turn into a row.
    pub dlq_url: String,
    /// Events that EventBridge could not deliver to the queue. LocalStack stores the setting and never uses the queue.
    pub rule_dlq_url: String,
    /// The function behind the trigger.
    pub producer_function_name: String,
    /// The same function, as a user pool names it.
    pub producer_function_arn: String,
    /// The function that writes the rows.
    pub consumer_function_name: String,
}

/// The workspace's binaries by name.
pub(crate) type Binaries = BTreeMap<String, PathBuf>;

/// Builds the functions and says where they are.
pub(crate) fn build_binaries(run: &Run) -> anyhow::Result<Binaries> {
    build(&FUNCTIONS, fs::File::create(run.log("build"))?.into())
        .map_err(|error| error.context(format!("building the functions failed; {}", run.explain("build"))))
}

/// Builds one of the workspace's binaries and says where it is.
pub(crate) fn binary(name: &str) -> anyhow::Result<PathBuf> {
    build(&[name], Stdio::inherit())?.remove(name).with_context(|| format!("cargo has built no binary `{name}`"))
}

/// Builds some of the workspace's binaries, with cargo's own words to `log`, and says where they are.
///
/// With the workspace's features: those of dependencies that members share are then the same in every other build.
pub(crate) fn build(wanted: &[&str], log: Stdio) -> anyhow::Result<Binaries> {
    let arguments = ["--workspace"].into_iter().chain(wanted.iter().flat_map(|name| ["--bin", name]));
    let binaries = cargo_build(arguments, log)?;
    for name in wanted {
        ensure!(binaries.contains_key(*name), "cargo has built no binary `{name}`");
    }
    Ok(binaries)
}

/// Builds `dlq-replayer` and its example `bare_client` for release, as they are measured: in one build, so that both link the same SDK.
pub(crate) fn build_replayer_for_release() -> anyhow::Result<Binaries> {
    let wanted = ["--package", "dlq-replayer", "--bin", "dlq-replayer", "--example", "bare_client"];
    cargo_build(["--release"].into_iter().chain(wanted), Stdio::inherit())
}

/// Builds the producer with a profile of `Cargo.toml`, as `cargo xtask package` does for the machine that it runs on, and beside it the example that opens its connection later.
pub(crate) fn build_producer(profile: &str) -> anyhow::Result<[PathBuf; 2]> {
    const NAMES: [&str; 2] = ["producer", "handshake_at_first_use"];
    let [function, example] = NAMES;
    let wanted = ["--locked", "--profile", profile, "--package", "producer", "--bin", function, "--example", example];
    let mut built = cargo_build(wanted.into_iter(), Stdio::inherit())?;
    let [function, example] =
        NAMES.map(|name| built.remove(name).with_context(|| format!("cargo has built no `{name}`")));
    Ok([function?, example?])
}

/// Builds a package that is no member of the workspace, for release, into a folder of its own.
pub(crate) fn build_apart(manifest: &Path, target: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let paths = [manifest, target].map(|path| path.to_string_lossy().into_owned());
    let [manifest, target] = &paths;
    let wanted = ["--locked", "--release", "--manifest-path", manifest, "--target-dir", target, "--bin", name];
    cargo_build(wanted.into_iter(), Stdio::inherit())?
        .remove(name)
        .with_context(|| format!("cargo has built no `{name}`"))
}

/// Builds the consumer for release, as it is deployed: by itself, because a package of the workspace could ask more of what they share.
pub(crate) fn build_consumer_for_release() -> anyhow::Result<PathBuf> {
    let wanted = ["--profile", "function", "--package", "consumer", "--bin", "consumer"];
    cargo_build(wanted.into_iter(), Stdio::inherit())?.remove("consumer").context("cargo has built no `consumer`")
}

fn cargo_build<'a>(arguments: impl Iterator<Item = &'a str>, log: Stdio) -> anyhow::Result<Binaries> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_about_this_package(name)) {
        command.env_remove(name);
    }
    let output = command
        .args(["build", "--message-format=json-render-diagnostics"])
        .args(arguments)
        .current_dir(clone())
        .stdin(Stdio::null())
        .stderr(log)
        .output()
        .context("could not run cargo")?;
    ensure!(output.status.success(), "cargo build ended with {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(built_binary).collect())
}

/// Whether cargo has set a variable to tell a program that it runs about its own package.
///
/// The build scripts of `ring` look at them: passed on, they would build it, and all that stands on it, anew each time.
fn is_about_this_package(name: &OsStr) -> bool {
    ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|start| name.to_string_lossy().starts_with(start))
}

/// The name and path of a binary, if that is what one line of cargo's messages is about.
fn built_binary(line: &str) -> Option<(String, PathBuf)> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let path = message.get("executable")?.as_str()?;
    let name = message.pointer("/target/name")?.as_str()?;
    Some((name.to_owned(), PathBuf::from(path)))
}

/// What is decided when the template is made: the context of the CDK app, besides the folder of the functions.
pub(crate) type SynthContext = Map<String, Value>;

/// Puts the synthesized CDK app, functions included, into a folder of the run, and returns that folder.
///
/// Synthesizing takes seconds, so the last result is kept beside the binaries and used while nothing it depends on changes.
pub(crate) fn synthesize(
    run: &Run,
    python: &Python,
    node: &Node,
    binaries: &Binaries,
    context: &SynthContext,
) -> anyhow::Result<PathBuf> {
    let kept = kept_folder(binaries)?;
    let _lock = cache::named_lock(&format!("synthesize-{}", cache::fingerprint(&[&kept.to_string_lossy()])))?;
    let functions = kept.join("functions");
    cache::create_folder(&functions)?;
    for name in FUNCTIONS {
        let binary = binaries.get(name).with_context(|| format!("there is no binary `{name}`"))?;
        zip_function(python, binary, &functions.join(format!("{name}.zip")), None)?;
    }
    fs::write(functions.join("architecture"), ARCHITECTURE).context("saying what the functions are built for")?;
    let shape = cache::fingerprint(&[&serde_json::to_string(context)?]);
    let assembly = kept.join(format!("cdk.out-{shape}"));
    let key_file = kept.join(format!("cdk.key-{shape}"));
    let key = synthesis_key(node, &functions)?;
    if fs::read_to_string(&key_file).ok().as_ref() != Some(&key) {
        // A failure leaves neither half of the pair behind.
        for stale in [&key_file, &assembly] {
            remove(stale)?;
        }
        install_cdk(node)?;
        run_cdk(node, &functions, &assembly, context)?;
        fs::write(&key_file, &key)?;
    }
    let copy = run.subfolder(&format!("cdk.out-{shape}"))?;
    copy_files(&assembly, &copy)?;
    Ok(copy)
}

/// Puts the construct library's packages, functions included, below a folder that is kept between runs, and returns their folder `dist`.
pub(crate) fn pack_construct(python: &Python, node: &Node, binaries: &Binaries) -> anyhow::Result<PathBuf> {
    let kept = kept_folder(binaries)?.join("construct");
    let _lock = cache::named_lock(&format!("construct-{}", cache::fingerprint(&[&kept.to_string_lossy()])))?;
    let (functions, library) = (kept.join("functions"), kept.join("library"));
    let authorities = functions.join("rds");
    cache::create_folder(&authorities)?;
    install_cdk(node)?;
    let in_infra = |script: &str| {
        let mut command = Command::new(&node.executable);
        command.args(["--import", "tsx", script]).current_dir(clone().join("infra")).env("TMPDIR", &functions);
        command
    };
    succeed(in_infra("rds-authorities.ts").arg(&authorities)).context("writing the authorities of RDS")?;
    for name in FUNCTIONS {
        let binary = binaries.get(name).with_context(|| format!("there is no binary `{name}`"))?;
        zip_function(python, binary, &functions.join(format!("{name}.zip")), Some(&authorities))?;
    }
    fs::write(functions.join("architecture"), ARCHITECTURE).context("saying what the functions are built for")?;
    succeed(in_infra("pack-construct.ts").arg(&functions).arg("--into").arg(&library))
        .context("packing the construct library")?;
    Ok(library.join("dist"))
}

fn kept_folder(binaries: &Binaries) -> anyhow::Result<PathBuf> {
    let any = binaries.values().next().and_then(|binary| binary.parent());
    Ok(any.context("there are no binaries")?.join("rollcall-local-stack"))
}

/// Packs a binary unless it has been packed already, with the files of a folder beside it if one is given.
fn zip_function(python: &Python, binary: &Path, zip: &Path, with: Option<&Path>) -> anyhow::Result<()> {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    if modified(zip).is_ok_and(|zipped| modified(binary).is_ok_and(|built| built < zipped)) {
        return Ok(());
    }
    let mut command = Command::new(&python.executable);
    command.arg("-I").arg(clone().join("infra/zip-function.py")).args(["--level", COMPRESSION]);
    if let Some(folder) = with {
        command.arg("--with").arg(folder);
    }
    command.arg(binary).arg(zip);
    succeed(&mut command).context("packing a function").map(|_| ())
}

/// Changes whenever the template may change.
fn synthesis_key(node: &Node, functions: &Path) -> anyhow::Result<String> {
    let infra = clone().join("infra");
    let mut files = vec![infra.join("package-lock.json"), infra.join("cdk.json"), infra.join("tsconfig.json")];
    for folder in ["app", "construct"] {
        files_below(&infra.join(folder), &mut files)?;
    }
    files.extend(FUNCTIONS.map(|name| functions.join(format!("{name}.zip"))));
    files.sort();
    let mut parts = vec![node.version.clone()];
    for file in &files {
        parts.push(file.to_string_lossy().into_owned());
        parts.push(fs::read(file).map(|bytes| hash_of(&bytes)).with_context(|| format!("reading {}", file.display()))?);
    }
    Ok(cache::fingerprint(&parts.iter().map(String::as_str).collect::<Vec<_>>()))
}

fn hash_of(bytes: &[u8]) -> String {
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, bytes).to_string()
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files_below(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Installs the CDK app's packages if its lock file is not the one they were installed from.
///
/// `cargo xtask` does the same without this crate, under the same lock and with the same stamp, so that it need not build it.
pub(crate) fn install_cdk(node: &Node) -> anyhow::Result<()> {
    let (infra, target) = (clone().join("infra"), clone().join("target"));
    cache::create_folder(&target)?;
    let held = cache::Lock::wait_for(&target.join("cdk-packages.lock"))?;
    let wanted = fs::read_to_string(infra.join("package-lock.json")).context("reading the CDK app's lock file")?;
    let stamp = infra.join("node_modules/.installed-lock.json");
    if fs::read_to_string(&stamp).ok().as_ref() != Some(&wanted) {
        node.install(&infra, &held).context("installing the CDK app's packages")?;
        fs::write(&stamp, wanted).context("marking the CDK app's packages as installed")?;
    }
    Ok(())
}

fn run_cdk(node: &Node, functions: &Path, assembly: &Path, context: &SynthContext) -> anyhow::Result<()> {
    let mut context = context.clone();
    context.insert("functions".to_owned(), serde_json::to_value(functions)?);
    let context = serde_json::to_string(&context)?;
    let mut command = Command::new(&node.executable);
    command
        .args(["--import", "tsx", "app/rollcall.ts"])
        .current_dir(clone().join("infra"))
        .env("CDK_OUTDIR", assembly)
        .env("CDK_VALIDATION", "false") // three quarters of the time; the linter and the app's own tests validate every shape
        .env("TMPDIR", functions) // tsx keeps its compiled files there
        .env("CDK_CONTEXT_JSON", context)
        .env("CDK_DEFAULT_ACCOUNT", "000000000000")
        .env("CDK_DEFAULT_REGION", REGION);
    succeed(&mut command).context("synthesizing the CDK app").map(|_| ())
}

fn remove(path: &Path) -> anyhow::Result<()> {
    let result = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn copy_files(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).context("copying the synthesized app")?;
        }
    }
    Ok(())
}
