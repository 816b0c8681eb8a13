//! The program `gleak`.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    gleak_cli::main()
}
