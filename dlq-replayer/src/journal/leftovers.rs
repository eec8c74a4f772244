//! What earlier runs of a queue have left unfinished. Every run begins with it, whether or not the earlier ones ended in order.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use serde_json::Value;

use super::{
    past::records,
    record::Record,
    settled::{EarlierRuns, Scope},
};
use crate::sqs::message::MessageKey;

/// How far a message got on its way to one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Confirmed by the destination and not known to be deleted: it is deleted when it is met, and not sent again.
    Sent,
    /// A send had no answer: whether the destination has it is unknown. It is sent again, and named.
    Unconfirmed,
}

/// Messages that earlier runs have left, by destination.
#[derive(Debug, Default)]
pub struct Leftovers {
    left: HashMap<(MessageKey, u32), Left>,
    destinations: Vec<String>,
    /// Messages that these runs have delivered with bodies from a file.
    delivered_from_file: HashSet<MessageKey>,
    /// Whether the run whose journal is being read sends bodies from a file.
    from_file: bool,
}

impl Leftovers {
    /// Reads the journals of a scope, from the last run that settled it.
    ///
    /// # Errors
    ///
    /// A journal cannot be read; [`UnreadableJournal`](super::settled::UnreadableJournal) when it is none.
    pub fn load(folder: &Path, scope: Scope<'_>) -> anyhow::Result<Self> {
        let mut leftovers = Self::default();
        for path in EarlierRuns::find(folder, scope)?.since {
            for record in records(&path)? {
                leftovers.apply(record?);
            }
        }
        Ok(leftovers)
    }

    /// How far a message got on its way to a destination.
    pub fn of(&self, key: MessageKey, destination: &str) -> Option<Left> {
        let at = self.destinations.iter().position(|known| known == destination)?;
        self.left.get(&(key, u32::try_from(at).ok()?)).copied()
    }

    /// Whether a message is left on its way to any destination.
    pub fn has(&self, key: MessageKey) -> bool {
        (0..self.destinations.len()).any(|at| u32::try_from(at).is_ok_and(|at| self.left.contains_key(&(key, at))))
    }

    /// Whether one of these runs has delivered a message with its body from a file, so that it is not missing in the queue.
    pub fn has_delivered_from_file(&self, key: MessageKey) -> bool {
        self.delivered_from_file.contains(&key)
    }

    /// Whether a destination has confirmed anything.
    pub fn has_sent_to(&self, destination: &str) -> bool {
        let at = self.destinations.iter().position(|known| known == destination);
        let to = at.and_then(|at| u32::try_from(at).ok());
        self.left.iter().any(|((_, known), left)| Some(*known) == to && *left == Left::Sent)
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Believes of a destination only what was read back from it, such as an archive that may have been removed or replaced.
    pub fn trust_only(&mut self, destination: &str, held: &HashSet<MessageKey>) {
        let to = self.place(destination);
        self.left.retain(|(_, known), _| *known != to);
        self.left.extend(held.iter().map(|key| ((*key, to), Left::Sent)));
    }

    fn place(&mut self, destination: &str) -> u32 {
        let at = self.destinations.iter().position(|known| known == destination).unwrap_or_else(|| {
            self.destinations.push(destination.to_owned());
            self.destinations.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn apply(&mut self, record: Record) {
        match record {
            Record::Sending { to, ids } => ids.iter().for_each(|id| self.set(id, &to, Some(Left::Unconfirmed))),
            Record::Sent { to, ids } => {
                for (id, _) in &ids {
                    self.set(id, &to, Some(Left::Sent));
                    self.delivered_from_file.extend(self.from_file.then(|| MessageKey::of(id)));
                }
            }
            Record::Begin(begin) => self.from_file = begin.plan.get("from").is_some_and(Value::is_string),
            Record::NotSent { to, ids } => ids.iter().for_each(|id| self.set(id, &to, None)),
            // A delete with a receipt that is not the newest one is answered with success, too: that a message was sent
            // stays known until a run has seen that it is gone.
            Record::Deleted { .. } | Record::Noted { .. } | Record::End(_) => {}
        }
    }

    fn set(&mut self, id: &str, destination: &str, state: Option<Left>) {
        let to = self.place(destination);
        match state {
            Some(state) => self.left.insert((MessageKey::of(id), to), state),
            None => self.left.remove(&(MessageKey::of(id), to)),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::journal::{past, settled::UnreadableJournal, write::file_of};

    fn begin(run: &str) -> String {
        format!(
            r#"{{"step":"begin","run":"{run}","at":"2026-11-22T21:00:00Z","command":"replay","queue":"q","destination":"d","plan":{{}}}}"#
        )
    }

    fn end(saw_everything: bool) -> String {
        format!(
            r#"{{"step":"end","at":"2026-11-22T21:00:00Z","outcome":"done","sent":1,"not_sent":0,"returned":0,"unfinished":0,"saw_everything":{saw_everything}}}"#
        )
    }

    fn folder(runs: &[(&str, Vec<String>)]) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("leftovers-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        for (run, lines) in runs {
            let lines = [&[begin(run)], &lines[..]].concat();
            fs::write(file_of(&folder, run), lines.join("\n")).unwrap();
        }
        folder
    }

    #[test]
    fn every_run_that_left_something_counts_and_a_torn_line_hides_nothing() {
        let first: Vec<String> = vec![
            r#"{"step":"sending","to":"d","ids":["a","b","c","d"]}"#.into(),
            r#"{"step":"se"#.into(),
            r#"{"step":"sent","to":"d","ids":[["a","x"],["b","y"]]}"#.into(),
            r#"{"step":"not_sent","to":"d","ids":["d"]}"#.into(),
            r#"{"step":"deleted","ids":["a"]}"#.into(),
        ];
        let second: Vec<String> = vec![r#"{"step":"sending","to":"other","ids":["b","e"]}"#.into(), end(false)];
        let folder = folder(&[("1", first), ("2", second)]);
        let left = Leftovers::load(&folder, Scope::Queue).unwrap();
        let of = |id: &str, to: &str| left.of(MessageKey::of(id), to);
        assert_eq!(of("a", "d"), Some(Left::Sent), "that it was deleted is not proven by an answer");
        assert_eq!((of("b", "d"), of("b", "other")), (Some(Left::Sent), Some(Left::Unconfirmed)));
        assert_eq!(
            (of("c", "d"), of("d", "d"), of("e", "other")),
            (Some(Left::Unconfirmed), None, Some(Left::Unconfirmed))
        );
        let run = past::details(&file_of(&folder, "1")).unwrap();
        assert_eq!((run.run.sent, run.run.deleted, run.run.unconfirmed, run.run.end), (2, 1, 1, None));
        assert_eq!(run.noted[0].ids, ["c"], "a killed run names what it left");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_file_that_is_no_journal_is_an_error_unless_a_later_run_settled_everything() {
        let folder = folder(&[("2", vec![])]);
        let garbage = file_of(&folder, "1");
        for (text, readable) in [
            ("garbage\n", false),
            ("garbage", false),
            ("{\"step\":\"sent\",\"to\":\"d\",\"ids\":[]}\n", false),
            ("\0\0\0", false),
            ("", true),
            ("{\"step\":\"be", true),
            ("{\"step\":\"begin\",\"run\":\"1\"", true),
        ] {
            fs::write(&garbage, text).unwrap();
            let loaded = Leftovers::load(&folder, Scope::Queue);
            assert_eq!(loaded.is_ok(), readable, "{text:?}");
            if let Err(error) = loaded {
                assert_eq!(error.downcast_ref(), Some(&UnreadableJournal { path: garbage.clone() }));
            }
        }
        fs::write(&garbage, "garbage").unwrap();
        fs::write(file_of(&folder, "3"), [begin("3"), end(true)].join("\n")).unwrap();
        assert!(Leftovers::load(&folder, Scope::Queue).is_ok());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_run_that_saw_the_whole_queue_settles_those_before_it() {
        let first: Vec<String> = vec![r#"{"step":"sent","to":"d","ids":[["a","x"]]}"#.into()];
        let folder = folder(&[("1", first), ("2", vec![end(true)])]);
        assert!(Leftovers::load(&folder, Scope::Queue).unwrap().is_empty());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn of_an_archive_only_what_was_read_back_counts() {
        let first: Vec<String> = vec![r#"{"step":"sent","to":"a","ids":[["x","x"],["y","y"]]}"#.into()];
        let folder = folder(&[("1", first)]);
        let mut left = Leftovers::load(&folder, Scope::Queue).unwrap();
        left.trust_only("a", &HashSet::from([MessageKey::of("y")]));
        assert_eq!((left.of(MessageKey::of("x"), "a"), left.of(MessageKey::of("y"), "a")), (None, Some(Left::Sent)));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn last_is_the_last_run_of_the_command() {
        let folder = folder(&[("1", vec![])]);
        assert_eq!(past::resolve(&folder, "last", "replay").unwrap().run, "1");
        assert!(past::resolve(&folder, "last", "purge").is_err() && past::resolve(&folder, "1", "purge").is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
