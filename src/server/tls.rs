//! TLS by rustls: from the texts of certificates to something that shakes hands.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Must clients show certificates of their own? (`tls-auth-clients`)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    Unasked,
    /// Those that are shown have to be good.
    MayShow,
    MustShow,
}

/// Makes the server's side of TLS of PEM texts. `ca` says who signs for clients.
pub fn acceptor(
    cert: &[u8],
    key: &[u8],
    ca: Option<&[u8]>,
    clients: Clients,
) -> Result<TlsAcceptor, String> {
    let chain = certificates(cert, "certificate")?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| format!("the private key cannot be read: {error}"))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = if clients == Clients::Unasked {
        builder.with_no_client_auth()
    } else {
        let ca = ca.ok_or("clients cannot be asked for certificates without a CA")?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates(ca, "CA certificate")? {
            roots.add(certificate).map_err(|error| format!("the CA certificate: {error}"))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier =
            if clients == Clients::MayShow { verifier.allow_unauthenticated() } else { verifier };
        builder.with_client_cert_verifier(verifier.build().map_err(|error| error.to_string())?)
    };
    let config = builder.with_single_cert(chain, key).map_err(|error| error.to_string())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(list) if !list.is_empty() => Ok(list),
        Ok(_) => Err(format!("there is no {what} in the text given as one")),
        Err(error) => Err(format!("the {what} cannot be read: {error}")),
    }
}
