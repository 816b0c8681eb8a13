//! Says again what it hears: one task a connection, on the address of the first argument or one
//! that the system chooses. Ends with its process.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::io::{self, Read, Write};

use gleak_runtime::net::{TcpListener, TcpStream};
use gleak_runtime::{Builder, run};

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    run(move || {
        let listener = TcpListener::bind(address)?;
        println!("listening on {}", listener.local_addr()?);
        for stream in listener.incoming() {
            let stream = stream?;
            let name = format!("echo {}", stream.peer_addr()?);
            Builder::new().name(name).spawn(|| echo(stream)).map_err(io::Error::other)?;
        }
        Ok(())
    })
}

/// Until the peer has nothing more to say.
fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            heard => stream.write_all(&buffer[..heard])?,
        }
    }
}
