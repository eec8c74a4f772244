//! A page of figures: everything between its two marks is written by the benchmark, the rest by people.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::Serialize;

use crate::say;

/// A page, and its figures as JSON beside it.
pub(crate) struct Page {
    /// Of both files, and of the command that writes them.
    pub(crate) name: &'static str,
    /// What a page begins with that does not exist yet.
    pub(crate) title: &'static str,
}

impl Page {
    /// A page that cannot be rewritten is better known before ten minutes of measuring.
    pub(crate) fn check(&self, folder: &Path) -> anyhow::Result<()> {
        let [page, _] = self.files(folder);
        self.rewrite(old(&page)?.as_deref(), "").with_context(|| page.display().to_string()).map(|_| ())
    }

    /// Writes the generated part of the page anew, and all figures.
    pub(crate) fn write(&self, folder: &Path, generated: &str, report: &impl Serialize) -> anyhow::Result<()> {
        fs::create_dir_all(folder).context("creating the folder of the page")?;
        let [page, json] = self.files(folder);
        let text = self.rewrite(old(&page)?.as_deref(), generated)?;
        for (path, text) in [(&page, text), (&json, serde_json::to_string_pretty(report)? + "\n")] {
            fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
            say(&format!("written: {}", path.display()));
        }
        Ok(())
    }

    fn files(&self, folder: &Path) -> [PathBuf; 2] {
        ["md", "json"].map(|kind| folder.join(format!("{}.{kind}", self.name)))
    }

    /// What stands before and behind the part that is written anew.
    fn marks(&self) -> [String; 2] {
        ["from here on", "up to here"]
            .map(|where_| format!("<!-- {where_} written by `cargo xtask bench {}` -->\n", self.name))
    }

    /// The page with its generated part replaced; what people wrote around it stays.
    ///
    /// A page that has lost a mark is an error: what would be overwritten is then unclear.
    fn rewrite(&self, page: Option<&str>, generated: &str) -> anyhow::Result<String> {
        let [begin, end] = self.marks();
        let new = format!("# {}\n\n", self.title);
        let (head, tail) = match page {
            None => (new.as_str(), ""),
            Some(page) => {
                let (head, rest) =
                    page.split_once(&begin).context("the page has no mark where its generated part begins")?;
                let (_, tail) = rest.split_once(&end).context("the page has no mark where its generated part ends")?;
                (head, tail)
            }
        };
        Ok(format!("{head}{begin}\n{generated}\n{end}{tail}"))
    }
}

/// The page as it is, if there is one.
fn old(page: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(page) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", page.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_around_the_generated_part_stays() {
        let page = Page { name: "replay", title: "How fast dlq-replayer is" };
        let first = page.rewrite(None, "one").unwrap();
        assert!(first.starts_with("# How fast dlq-replayer is\n"), "{first}");
        let edited =
            first.replace("# How fast dlq-replayer is", "# Ours\n\nWhy it is slower here.") + "\nA footnote.\n";
        let second = page.rewrite(Some(&edited), "two").unwrap();
        assert_eq!(second, edited.replace("\none\n", "\ntwo\n"));
        assert_eq!(page.rewrite(Some(&second), "two").unwrap(), second, "nothing grows");
        for mark in page.marks() {
            let error = page.rewrite(Some(&second.replace(&mark, "")), "three").unwrap_err();
            assert!(error.to_string().contains("no mark"), "{error}");
        }
    }
}
