//! HTTP/1.1 on a socket: heads are parsed by `httparse`, which does no input and output itself. One
//! request a connection, without a body.

use std::io::{self, Read, Write};

/// More than that is no head of ours.
const HEAD_BYTES: usize = 8192;
const HEADERS: usize = 64;

/// What is asked for.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
}

/// What is answered.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// An answer for people.
    pub(crate) fn text(status: u16, body: impl Into<String>) -> Response {
        Response { status, kind: "text/plain; charset=utf-8", body: body.into().into_bytes() }
    }
}

/// Reads a head; `None` when it is none, or too long.
pub(crate) fn read_request(stream: &mut impl Read) -> io::Result<Option<Request>> {
    let mut head = [0; HEAD_BYTES];
    let mut filled = 0;
    while filled < HEAD_BYTES {
        match stream.read(&mut head[filled..])? {
            0 => return Ok(None),
            more => filled += more,
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&head[..filled]) {
            Ok(httparse::Status::Partial) => {}
            Ok(httparse::Status::Complete(_)) => {
                let method = request.method.unwrap_or_default().to_owned();
                let path = request.path.unwrap_or_default().to_owned();
                return Ok(Some(Request { method, path }));
            }
            Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

/// Writes the whole answer; the connection ends with it.
pub(crate) fn write_response(stream: &mut impl Write, response: &Response) -> io::Result<()> {
    let reason = match response.status {
        200 => "OK",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Bad Request",
    };
    let head = format!(
        "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        response.status,
        response.kind,
        response.body.len(),
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&response.body)
}
