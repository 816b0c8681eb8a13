//! Arguments of `gleak survey`.

use std::path::PathBuf;

use clap::Args;

use super::{Layout, To};

/// `gleak survey`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each process of a test run with GLEAK=survey and GLEAK_OUT writes what its tests have left: how many
tasks, of which test, spawned where, waiting for what. Here the files of all of them are one table.
Nothing is judged; `gleak gate` judges the same files.

Examples:
  GLEAK=survey GLEAK_OUT=$PWD/target/gleak cargo test --workspace
  gleak survey
  gleak survey target/gleak --top 20
  gleak survey target/gleak -o survey.txt")]
pub(crate) struct Survey {
    /// Findings files, or folders of them; `-` is standard input [default: target/gleak]
    #[arg(value_name = "FILE|FOLDER")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Show the N biggest rows of a table; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) top: usize,
    /// How text is laid out.
    #[command(flatten)]
    pub(crate) layout: Layout,
    /// Where to write.
    #[command(flatten)]
    pub(crate) to: To,
}
