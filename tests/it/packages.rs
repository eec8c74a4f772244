//! `infra/zip-function.py`: what a function's zip holds, that it is the same each time, and which binaries are refused. The binaries are made up.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use uuid::Uuid;

/// Prints for each file of a zip its name, its mode, its time, and the length of what is in it.
const LISTING: &str = "
import sys, zipfile
for entry in zipfile.ZipFile(sys.argv[1]).infolist():
    print(entry.filename, oct(entry.external_attr >> 16), *entry.date_time[:3], entry.file_size)
";

/// `e_machine` of an ELF file.
const X86_64: u8 = 62;
const ARM64: u8 = 183;

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("rollcall-packages-{}", Uuid::new_v4().simple()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// The beginning of an ELF file, and the texts that stand in it.
    fn binary(&self, machine: u8, texts: &[&str]) -> PathBuf {
        let mut content = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0".to_vec();
        content.extend([machine, 0]);
        for text in texts {
            content.push(0);
            content.extend(text.as_bytes());
        }
        content.push(0);
        self.write("consumer", &content)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn python(script: &[&str], arguments: &[&Path]) -> Output {
    Command::new("python3").arg("-I").args(script).args(arguments).output().unwrap()
}

fn pack(options: &[&str], binary: &Path, zip: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/zip-function.py");
    python(&[&[script.to_str().unwrap()], options].concat(), &[binary, zip])
}

/// The sentence that a binary is refused with; nothing may be written then.
fn refusal(options: &[&str], binary: &Path) -> String {
    let zip = binary.with_extension("zip");
    let output = pack(options, binary, &zip);
    assert!(!output.status.success() && !zip.exists(), "it was packed");
    String::from_utf8(output.stderr).unwrap().trim().to_owned()
}

fn accept(options: &[&str], binary: &Path) {
    let output = pack(options, binary, &binary.with_extension("zip"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_zip_holds_the_program_and_the_files_beside_it_with_fixed_modes_and_times() {
    let folder = Folder::new();
    let binary = folder.binary(X86_64, &[]);
    for region in ["us-east-1", "af-south-1", "eu-west-1"] {
        folder.write(&format!("rds/{region}.pem"), region.as_bytes());
    }
    let zip = folder.0.join("consumer.zip");
    let output = pack(&["--with", folder.0.join("rds").to_str().unwrap()], &binary, &zip);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let words: Vec<_> = printed.split_whitespace().collect();
    assert_eq!((words[0].len(), words[2]), (64, "consumer.zip"), "{printed}");
    assert_eq!(words[1].parse(), Ok(fs::metadata(&zip).unwrap().len()), "{printed}");

    let listing = String::from_utf8(python(&["-c", LISTING], &[&zip]).stdout).unwrap();
    let lines: Vec<_> = listing.lines().collect();
    assert_eq!(
        lines,
        [
            "bootstrap 0o100755 1980 1 1 21",
            "rds/af-south-1.pem 0o100644 1980 1 1 10",
            "rds/eu-west-1.pem 0o100644 1980 1 1 9",
            "rds/us-east-1.pem 0o100644 1980 1 1 9",
        ]
    );
}

#[test]
fn the_same_files_give_the_same_zip_wherever_and_whenever_they_were_made() {
    let zip_of = |regions: &[&str]| {
        let folder = Folder::new();
        let binary = folder.binary(X86_64, &["some text"]);
        for region in regions {
            folder.write(&format!("rds/{region}.pem"), region.as_bytes());
        }
        let zip = folder.0.join("consumer.zip");
        assert!(pack(&["--with", folder.0.join("rds").to_str().unwrap()], &binary, &zip).status.success());
        fs::read(zip).unwrap()
    };
    let zip = zip_of(&["a-1", "b-1", "c-1"]);
    assert_eq!(zip, zip_of(&["c-1", "a-1", "b-1"]));
    assert_ne!(zip, zip_of(&["a-1", "b-1"]));
}

#[test]
fn a_binary_that_asks_for_a_newer_glibc_than_lambdas_is_refused() {
    let folder = Folder::new();
    // As text, 2.9 is more than 2.34.
    accept(&["--glibc", "2.34"], &folder.binary(X86_64, &["GLIBC_2.2.5", "GLIBC_2.9", "GLIBC_2.34"]));
    let newer = folder.binary(X86_64, &["GLIBC_2.9", "GLIBC_2.39", "GLIBC_2.34"]);
    fs::remove_file(newer.with_extension("zip")).unwrap();
    let refusal = refusal(&["--glibc", "2.34"], &newer);
    assert!(
        refusal.starts_with("`consumer` asks for glibc 2.39, and Lambda has 2.34: install cargo-zigbuild"),
        "{refusal}"
    );
    // The local stack runs it on the machine that has built it.
    accept(&[], &newer);
}

#[test]
fn a_binary_for_another_architecture_is_refused() {
    let folder = Folder::new();
    accept(&["--machine", "arm64"], &folder.binary(ARM64, &[]));
    fs::remove_file(folder.0.join("consumer.zip")).unwrap();
    let refused = refusal(&["--machine", "x86_64"], &folder.binary(ARM64, &[]));
    assert_eq!(refused, "`consumer` is no program for Linux on x86_64: build it for that");
    let script = folder.write("script", b"#!/bin/sh\nexec something else entirely\n");
    assert!(refusal(&["--machine", "arm64"], &script).contains("no program"));
}

#[test]
fn a_binary_that_names_a_folder_of_the_builder_is_refused() {
    let folder = Folder::new();
    let traces = ["--without", "/home/ada/rollcall/target/package", "--without", "/home/ada/.cargo/registry"];
    accept(&traces, &folder.binary(X86_64, &["/cargo/registry/src/ring/lib.rs"]));
    fs::remove_file(folder.0.join("consumer.zip")).unwrap();
    let named = folder.binary(X86_64, &["at /home/ada/.cargo/registry/src/ring/lib.rs"]);
    let refused = refusal(&traces, &named);
    assert!(refused.contains("`/home/ada/.cargo/registry` of this machine"), "{refused}");
}

#[test]
fn without_a_zip_a_binary_is_only_looked_at() {
    let folder = Folder::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/zip-function.py");
    let look = |binary: &Path| python(&[script.to_str().unwrap(), "--machine", "arm64"], &[binary]);
    assert!(look(&folder.binary(ARM64, &[])).status.success());
    assert!(!look(&folder.binary(X86_64, &[])).status.success());
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "the binary alone");
}
