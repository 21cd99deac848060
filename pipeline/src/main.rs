//! `pipeline`: build a corpus, look into one, generate records from one.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use corpus_format::{Manifest, error::print_chain, legal::Kind};
use pipeline::{
    Config, Result,
    config::SourceConfig,
    generate::{self, config::GenerateConfig},
    inspect,
    progress::Progress,
    run,
};

/// Clean China's statutes and court documents into parquet shards.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build a corpus from the sources of a configuration, or from folders of raw files.
    Build {
        /// Configuration; see pipeline/configs/.
        #[arg(default_value = "pipeline/configs/corpus.toml")]
        config: PathBuf,
        /// A folder or file without a manifest, instead of the configuration's sources; may be repeated.
        #[arg(long, value_name = "KIND=PATH", value_parser = source)]
        source: Vec<SourceConfig>,
        /// Corpus folder; work and report folders are put beside it.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Print the wall time of each stage.
        #[arg(long)]
        timings: bool,
    },
    /// Show a corpus: an overview, one document through every stage, or samples of what was dropped.
    Inspect {
        /// Id of a document; an overview where absent.
        id: Option<String>,
        /// Show documents that were dropped for this reason.
        #[arg(long, value_name = "REASON", conflicts_with = "id")]
        dropped: Option<String>,
        /// Corpus folder.
        #[arg(long, default_value = "data/shards")]
        corpus: PathBuf,
    },
    /// Generate instruction records about a corpus's articles through an OpenAI-compatible endpoint.
    Generate {
        /// Configuration; see pipeline/configs/generate.toml.
        config: PathBuf,
    },
    /// Print the JSON Schema of a manifest.
    ManifestSchema,
}

fn source(text: &str) -> std::result::Result<SourceConfig, String> {
    let (kind, path) = text.split_once('=').ok_or("expected KIND=PATH")?;
    let kinds = [Kind::Statute, Kind::Judgment, Kind::Instruction];
    let kind = kinds.into_iter().find(|k| k.as_str() == kind).ok_or("KIND is statute, judgment or instruction")?;
    Ok(SourceConfig { manifest: None, path: Some(path.into()), kind: Some(kind) })
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Build { config, source, out, timings } => build(&config, source, out, timings),
        Command::Inspect { id, dropped, corpus } => inspect::run(&corpus, id.as_deref(), dropped.as_deref()),
        Command::Generate { config } => generate(&config),
        Command::ManifestSchema => {
            print!("{}", Manifest::json_schema());
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_chain(&error);
            ExitCode::from(error.exit_status())
        }
    }
}

fn build(config: &std::path::Path, sources: Vec<SourceConfig>, out: Option<PathBuf>, timings: bool) -> Result<()> {
    let mut config = if sources.is_empty() { Config::read(config)? } else { Config::with_sources(sources) };
    if let Some(out) = out {
        config.output = pipeline::config::Output::beside(&out);
    }
    let started = std::time::Instant::now();
    let progress = Progress::default();
    let built = run::build(&config, &progress)?;
    print!("{}", inspect::summary(&config, &built, started.elapsed()));
    for (stage, time) in progress.times().into_iter().filter(|_| timings) {
        println!("{stage:>8} {:.3} s", time.as_secs_f64());
    }
    Ok(())
}

fn generate(config: &std::path::Path) -> Result<()> {
    let config = GenerateConfig::read(config)?;
    let done = generate::generate(&config, &Progress::default())?;
    print!("{}", generate::summary(&config, &done));
    Ok(())
}
