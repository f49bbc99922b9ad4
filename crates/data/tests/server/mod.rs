//! A web server of one answer, on a port of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the server answers to every request.
#[derive(Clone)]
pub struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
    length: Option<usize>,
    chunked: bool,
    silent: bool,
}

impl Answer {
    pub fn ok(body: Vec<u8>) -> Self {
        let length = Some(body.len());
        Self { status: 200, headers: String::new(), body, length, chunked: false, silent: false }
    }

    pub fn status(status: u16) -> Self {
        Self { status, ..Self::ok(Vec::new()) }
    }

    pub fn redirect(to: String) -> Self {
        Self { status: 302, headers: format!("Location: {to}\r\n"), ..Self::ok(Vec::new()) }
    }

    /// With another length than the body has.
    pub fn announcing(self, length: usize) -> Self {
        Self { length: Some(length), ..self }
    }

    /// Without a length: the body ends with the connection.
    pub fn until_closed(self) -> Self {
        Self { length: None, ..self }
    }

    /// Without a length, in chunks.
    pub fn chunked(self) -> Self {
        Self { length: None, chunked: true, ..self }
    }

    /// After the body nothing happens, but the connection stays.
    pub fn silent(self) -> Self {
        Self { silent: true, ..self }
    }

    fn send(&self, out: &mut impl Write) -> std::io::Result<()> {
        write!(out, "HTTP/1.1 {} Answer\r\nConnection: close\r\n{}", self.status, self.headers)?;
        if let Some(length) = self.length {
            write!(out, "Content-Length: {length}\r\n")?;
        }
        if self.chunked {
            write!(out, "Transfer-Encoding: chunked\r\n\r\n")?;
            for chunk in self.body.chunks(1 << 16) {
                write!(out, "{:x}\r\n", chunk.len())?;
                out.write_all(chunk)?;
                write!(out, "\r\n")?;
            }
            write!(out, "0\r\n\r\n")?;
        } else {
            write!(out, "\r\n")?;
            out.write_all(&self.body)?;
        }
        out.flush()
    }
}

pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    paths: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn start(answer: Answer) -> Self {
        Self::listen("http", move |stream, paths| serve(stream, paths, &answer))
    }

    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub fn start_tls(answer: Answer) -> Self {
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let certificate = CertificateDer::from(include_bytes!("../tls/server.der").to_vec());
        let key = PrivateKeyDer::try_from(include_bytes!("../tls/server-key.der").to_vec()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls_graviola::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let config = Arc::new(config);
        Self::listen("https", move |stream, paths| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            serve(rustls::StreamOwned::new(connection, stream), paths, &answer)
        })
    }

    fn listen(
        scheme: &'static str,
        serve: impl Fn(TcpStream, &Mutex<Vec<String>>) -> std::io::Result<()> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let paths = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&paths);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that leaves early is what several tests are about.
                let _ = serve(stream.unwrap(), &seen);
            }
        });
        Self { address, scheme, paths }
    }

    /// The address of a folder on this server.
    pub fn address(&self) -> String {
        format!("{}://{}/data", self.scheme, self.address)
    }

    /// The paths that were asked for.
    pub fn paths(&self) -> Vec<String> {
        self.paths.lock().unwrap().clone()
    }
}

fn serve<S: Read + Write>(stream: S, paths: &Mutex<Vec<String>>, answer: &Answer) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let path = request.split_whitespace().nth(1).unwrap_or_default();
    paths.lock().unwrap().push(path.to_string());
    let mut stream = reader.into_inner();
    answer.send(&mut stream)?;
    if answer.silent {
        std::thread::sleep(Duration::from_secs(6));
    }
    Ok(())
}
