//! A certificate authority that is made for one run, and a server's certificate for `localhost` from it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::Context;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::toolbox::Account;

/// The one name that the server's certificate is for; 127.0.0.1 is not among its names.
const HOST: &str = "localhost";

/// Where the parts lie, as PEM.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    /// What a client has to trust.
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Makes all three in `folder`, the key readable by `account` alone, as Postgres wants it.
pub(crate) fn make(folder: &Path, account: Option<&Account>) -> anyhow::Result<Certificates> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // By rcgen's own choice both would have the same name, which OpenSSL takes for a certificate that signs itself.
    authority.distinguished_name.push(DnType::CommonName, "authority of one run");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new([HOST.to_owned()])?.signed_by(&key, &authority)?;
    let write = |name: &str, pem: String| {
        let path = folder.join(name);
        fs::write(&path, pem).with_context(|| format!("writing {}", path.display()))?;
        anyhow::Ok(path)
    };
    let certificates = Certificates {
        ca: write("ca.pem", authority.pem())?,
        certificate: write("server.pem", certificate.pem())?,
        key: write("server.key", key.serialize_pem())?,
    };
    fs::set_permissions(&certificates.key, fs::Permissions::from_mode(0o600))?;
    if let Some(account) = account {
        chown(&certificates.key, Some(account.uid), Some(account.gid)).context("giving the key to Postgres's user")?;
    }
    Ok(certificates)
}
