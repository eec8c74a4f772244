//! What to do about a failure that is the machine's: a full disk, or no network.

use std::{env, path::Path};

use anyhow::anyhow;
use rustix::fs::statvfs;

use crate::cache;

/// What programs and the operating system say when there is no room.
const FULL: [&str; 5] = ["No space left on device", "ENOSPC", "os error 28", "Disk quota exceeded", "EDQUOT"];

/// Less room than this is none. Python's `venv` fails on a full disk without saying why.
const ROOM: u64 = 32 * 1024 * 1024;

/// What pip, npm, cargo and apt say when they cannot reach their registry.
const UNREACHABLE: [&str; 16] = [
    "Failed to establish a new connection",
    "Max retries exceeded",
    "Cannot connect to proxy",
    "NewConnectionError",
    "ConnectTimeoutError",
    "ECONNREFUSED",
    "ECONNRESET",
    "ENOTFOUND",
    "ENETUNREACH",
    "ETIMEDOUT",
    "EAI_AGAIN",
    "Temporary failure",
    "Could not resolve host",
    "Couldn't connect to server",
    "Could not connect to server",
    "Failed to connect to",
];

/// The error of an installation, with a hint as its last line if the disk or the network is the reason.
pub(crate) fn for_installation(error: anyhow::Error) -> anyhow::Error {
    let root = cache::choose_root();
    let is_full = || root.iter().chain(&[env::temp_dir()]).any(|folder| free(folder).is_some_and(|free| free < ROOM));
    with_hint(error, |text| of_full_disk(text).or_else(|| of_network(text)).or_else(|| is_full().then(full_disk)))
}

/// The error of a start, with a hint as its last line if the disk is the reason. What its services say about connections is not about the network.
pub(crate) fn for_start(error: anyhow::Error) -> anyhow::Error {
    with_hint(error, of_full_disk)
}

fn with_hint(error: anyhow::Error, hint: impl FnOnce(&str) -> Option<String>) -> anyhow::Error {
    let text = format!("{error:#}");
    if text.contains("\nhint: ") {
        return error;
    }
    match hint(&text) {
        Some(hint) => anyhow!("{}\nhint: {hint}", text.trim_end()),
        None => error,
    }
}

fn of_full_disk(text: &str) -> Option<String> {
    FULL.iter().any(|sign| text.contains(sign)).then(full_disk)
}

fn full_disk() -> String {
    let cache = cache::choose_root().unwrap_or_default();
    format!(
        "a disk is full: free 2 GB, or name folders on another disk in ROLLCALL_CACHE (now {}) and TMPDIR (now {})",
        cache.display(),
        env::temp_dir().display()
    )
}

/// Bytes that this user may still write there.
fn free(folder: &Path) -> Option<u64> {
    statvfs(folder).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn of_network(text: &str) -> Option<String> {
    UNREACHABLE.iter().any(|sign| text.contains(sign)).then(|| {
        "the package registry cannot be reached: the first run installs from PyPI and npm, and later runs need no network; \
         behind a proxy set HTTPS_PROXY, and for a mirror PIP_INDEX_URL and npm_config_registry"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(error: &anyhow::Error) -> Option<String> {
        format!("{error:#}").split_once("\nhint: ").map(|(_, hint)| hint.to_owned())
    }

    #[test]
    fn a_full_disk_is_named_whoever_notices_it() {
        for text in [
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "npm error code ENOSPC\nnpm error nospc ENOSPC: no space left on device, write",
            "creating the folder /x: No space left on device (os error 28)",
        ] {
            for with_hint in [for_installation, for_start] {
                let hint = hint(&with_hint(anyhow!(text))).unwrap_or_default();
                assert!(hint.starts_with("a disk is full") && hint.contains("ROLLCALL_CACHE"), "{text}: {hint}");
            }
        }
    }

    #[test]
    fn a_registry_that_cannot_be_reached_is_named_only_where_something_is_installed() {
        for text in [
            "WARNING: Retrying after connection broken by 'NewConnectionError(…: Failed to establish a new connection: [Errno 111] Connection refused')'",
            "npm error code ECONNREFUSED\nnpm error FetchError: request to http://127.0.0.1:1/x failed",
        ] {
            assert!(
                hint(&for_installation(anyhow!(text))).is_some_and(|hint| hint.contains("PIP_INDEX_URL")),
                "{text}"
            );
            assert_eq!(hint(&for_start(anyhow!(text))), None, "a service of the stack may say so");
        }
    }

    #[test]
    fn any_other_failure_stays_as_it_is_and_a_hint_is_given_once() {
        assert_eq!(format!("{:#}", for_installation(anyhow!("cause").context("outer"))), "outer: cause");
        let twice = for_start(for_installation(anyhow!("ENOSPC")));
        assert_eq!(format!("{twice:#}").matches("\nhint: ").count(), 1);
    }
}
