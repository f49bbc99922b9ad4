use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use cornet_error::{Result, err, fail};

use super::text::python_float;
use super::{Callback, Run};
use crate::training::Logs;

/// A message that [`RemoteMonitor`] posts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// The whole address.
    pub url: String,
    /// Names and values of the headers, the type of the content among them.
    pub headers: Vec<(String, String)>,
    /// The content.
    pub body: Vec<u8>,
}

/// What posts messages.
type Transport<'a> = Box<dyn FnMut(&Post) -> Result<()> + Send + 'a>;

/// Posts loss and metrics of every epoch to a server: JSON with `epoch` and the logs, in the field of a form or as such.
///
/// `http` addresses are posted to directly; for `https` give [`RemoteMonitor::transport`] a function that posts with the
/// HTTP client of your choice. A server that cannot be reached is no reason to stop: the run says so.
///
/// # Source
/// Keras 3 `keras.callbacks.RemoteMonitor`.
pub struct RemoteMonitor<'a> {
    root: String,
    path: String,
    field: String,
    headers: Vec<(String, String)>,
    send_as_json: bool,
    transport: Transport<'a>,
}

impl Default for RemoteMonitor<'_> {
    fn default() -> Self {
        Self {
            root: "http://localhost:9000".into(),
            path: "/publish/epoch/end/".into(),
            field: "data".into(),
            headers: Vec::new(),
            send_as_json: false,
            transport: Box::new(post),
        }
    }
}

impl<'a> RemoteMonitor<'a> {
    /// Keras's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The server; by default `http://localhost:9000`.
    #[must_use]
    pub fn root(mut self, root: impl Into<String>) -> Self {
        self.root = root.into();
        self
    }

    /// The path on the server; by default `/publish/epoch/end/`.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The field of the form; by default `data`.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }

    /// With this header, beside those given before.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Whether the content is JSON; by default it is a form.
    #[must_use]
    pub fn send_as_json(mut self, as_json: bool) -> Self {
        self.send_as_json = as_json;
        self
    }

    /// What posts the messages.
    #[must_use]
    pub fn transport(mut self, transport: impl FnMut(&Post) -> Result<()> + Send + 'a) -> Self {
        self.transport = Box::new(transport);
        self
    }

    fn message(&self, epoch: usize, logs: &Logs) -> Post {
        let json = json(epoch, logs);
        let (kind, body) = match self.send_as_json {
            true => ("application/json", json),
            false => ("application/x-www-form-urlencoded", format!("{}={}", encoded(&self.field), encoded(&json))),
        };
        let mut headers = vec![("Content-Type".to_owned(), kind.to_owned())];
        for (name, value) in &self.headers {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value.clone()));
        }
        Post { url: format!("{}{}", self.root, self.path), headers, body: body.into_bytes() }
    }
}

impl Callback for RemoteMonitor<'_> {
    fn on_epoch_end(&mut self, run: &Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        let message = self.message(epoch, logs);
        if let Err(error) = (self.transport)(&message) {
            let reason = error.message();
            run.say(format!("Could not reach RemoteMonitor root server at {}: {reason}", self.root));
        }
        Ok(())
    }
}

/// `{"epoch": 0, "loss": 0.5}`, as Python writes it, NaN and infinities too.
fn json(epoch: usize, logs: &Logs) -> String {
    let number = |value: f64| match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        value => python_float(value),
    };
    let pairs = logs.iter().map(|(name, value)| format!(", {}: {}", serde_json::Value::from(name), number(value)));
    format!("{{\"epoch\": {epoch}{}}}", pairs.collect::<String>())
}

/// A text in a form.
fn encoded(text: &str) -> String {
    let byte = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => (b as char).to_string(),
        b' ' => "+".into(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// How long a server may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Posts over plain HTTP.
fn post(message: &Post) -> Result<()> {
    let Some(rest) = message.url.strip_prefix("http://") else {
        return Err(err!(Unsupported, "expected an http address, found {}", message.url)
            .help("give transport a function that posts with an HTTP client of your choice"));
    };
    let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let address = if has_port { host.to_owned() } else { format!("{host}:80") };
    if [host, path].iter().any(|part| part.contains(['\r', '\n', ' ']))
        || message.headers.iter().any(|(name, value)| [name, value].iter().any(|t| t.contains(['\r', '\n'])))
    {
        fail!(InvalidArgument, "expected an address and headers of one line each");
    }
    let failed = |e: std::io::Error| err!(Network, "{address}: {e}");
    let mut request = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in &message.headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("Content-Length: {}\r\n\r\n", message.body.len());
    let places = address.to_socket_addrs().map_err(failed)?;
    let mut reached = Err(err!(Network, "{address}: no such host"));
    for place in places {
        reached = TcpStream::connect_timeout(&place, TIMEOUT).map_err(failed);
        if reached.is_ok() {
            break;
        }
    }
    let mut stream = reached?;
    stream.set_read_timeout(Some(TIMEOUT)).map_err(failed)?;
    stream.set_write_timeout(Some(TIMEOUT)).map_err(failed)?;
    stream.write_all(&[request.as_bytes(), &message.body].concat()).map_err(failed)?;
    // Whatever the server answers, it has been reached; its first bytes say that it has read.
    let mut answer = [0; 64];
    stream.read(&mut answer).map(drop).map_err(failed)
}
