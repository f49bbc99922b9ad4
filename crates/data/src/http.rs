//! One GET over HTTP or HTTPS, without C code.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use cornet_error::{Error, Result, err};
use ureq::Agent;
use ureq::config::Config;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::FetchOptions;

/// Asks for `url`; returns the announced length and the body.
///
/// Redirects are followed, never from https to http. Proxies are those of the environment.
pub(crate) fn get(url: &str, options: &FetchOptions) -> Result<(Option<u64>, Box<dyn Read>)> {
    let secure = url.starts_with("https://");
    let mut config = Agent::config_builder()
        .https_only(secure)
        .user_agent(concat!("cornet/", env!("CARGO_PKG_VERSION")))
        .max_redirects(5)
        .timeout_resolve(Some(options.connect_timeout))
        .timeout_connect(Some(options.connect_timeout))
        .timeout_recv_response(Some(options.stall_timeout))
        .timeout_per_read(Some(options.stall_timeout))
        .timeout_per_write(Some(options.stall_timeout))
        .timeout_global(Some(Duration::from_secs(3600)));
    if secure {
        config = config.tls_config(tls(options)?);
    }
    let config: Config = config.build();
    let response = config.new_agent().get(url).call().map_err(|e| failed(&e))?;
    let announced = response.body().content_length();
    Ok((announced, Box::new(response.into_body().into_reader())))
}

/// Trust and cryptography.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn tls(options: &FetchOptions) -> Result<TlsConfig> {
    check_processor()?;
    let provider = std::sync::Arc::new(rustls_graviola::default_provider());
    let file = options.certificates.clone();
    let file = file.or_else(|| std::env::var_os("SSL_CERT_FILE").filter(|v| !v.is_empty()).map(PathBuf::from));
    let roots = match file {
        Some(path) => certificates(&path)?,
        None => RootCerts::WebPki,
    };
    Ok(TlsConfig::builder().unversioned_rustls_crypto_provider(provider).root_certs(roots).build())
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn tls(_options: &FetchOptions) -> Result<TlsConfig> {
    Err(no_tls("x86_64 or aarch64"))
}

/// The cryptography stops the program on a processor that lacks its instructions, so that is tested first.
#[cfg(target_arch = "x86_64")]
fn check_processor() -> Result<()> {
    let has = is_x86_feature_detected!("aes")
        && is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("adx")
        && is_x86_feature_detected!("avx2");
    if has { Ok(()) } else { Err(no_tls("AES, PCLMULQDQ, BMI2, ADX and AVX2")) }
}

#[cfg(target_arch = "aarch64")]
fn check_processor() -> Result<()> {
    use std::arch::is_aarch64_feature_detected;
    let has = is_aarch64_feature_detected!("neon")
        && is_aarch64_feature_detected!("aes")
        && is_aarch64_feature_detected!("pmull")
        && is_aarch64_feature_detected!("sha2");
    if has { Ok(()) } else { Err(no_tls("NEON, AES, PMULL and SHA-2")) }
}

fn no_tls(needs: &str) -> Error {
    err!(Unsupported, "https: expected a processor with {needs}")
        .help("download the files with another program, and name their folder with --data DIR")
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn certificates(path: &std::path::Path) -> Result<RootCerts> {
    let pem = std::fs::read(path).map_err(|e| Error::io("read the certificates", path, &e))?;
    let found: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(err!(InvalidArgument, "{}: expected PEM certificates, found none", path.display())
            .help("SSL_CERT_FILE names this file"));
    }
    Ok(RootCerts::from(found))
}

fn failed(error: &ureq::Error) -> Error {
    match error {
        ureq::Error::StatusCode(status) => err!(Network, "the server answered with status {status}"),
        ureq::Error::HostNotFound => err!(Network, "the host was not found"),
        ureq::Error::Io(cause) => err!(Network, "{cause}"),
        other => err!(Network, "{other}"),
    }
}
