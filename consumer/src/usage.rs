//! A command line that is wrong, and the word that was probably meant.

/// Likeness of two words from which on one is taken for a typo of the other, as in clap.
const ALIKE: f64 = 0.7;

/// Says which word is not known, and names the known one that is most like it, or where all of them are listed.
pub fn unknown(word: &str, known: &[&str], program: &str) -> String {
    let likeness = |known: &str| strsim::jaro(word.trim_start_matches('-'), known.trim_start_matches('-'));
    let nearest = known.iter().map(|known| (likeness(known), *known)).filter(|(alike, _)| *alike > ALIKE);
    let hint = match nearest.max_by(|one, other| one.0.total_cmp(&other.0)) {
        Some((_, known)) => format!("did you mean `{known}`?"),
        None => format!("`{program} --help` lists the options"),
    };
    format!("unknown argument `{word}`\nhint: {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_named_with_what_was_probably_meant() {
        for (word, meant) in [
            ("--helth", "did you mean `--health`?"),
            ("-worker", "did you mean `--workers`?"),
            ("poll", "did you mean `--poll`?"),
            ("--dry-run", "`consumer --help` lists the options"),
        ] {
            let said = unknown(word, &["--poll", "--workers", "--health", "--help"], "consumer");
            assert_eq!(said, format!("unknown argument `{word}`\nhint: {meant}"));
        }
    }
}
