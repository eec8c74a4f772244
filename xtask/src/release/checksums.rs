//! `SHA256SUMS`, in the form that `sha256sum --check` reads.

use std::{ffi::OsString, path::Path, process::Command};

use crate::{
    files::{self, files_in},
    step::{Failure, output_of},
};

/// Writes the hash of each file in a folder, and returns the lines.
pub(crate) fn write(folder: &Path) -> Result<String, Failure> {
    let names: Vec<OsString> = files_in(folder)?.iter().filter_map(|file| file.file_name().map(Into::into)).collect();
    let sums = output_of(Command::new("sha256sum").current_dir(folder).arg("--").args(names))?;
    files::write(&folder.join("SHA256SUMS"), &format!("{sums}\n"))?;
    Ok(sums)
}
