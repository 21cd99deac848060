//! `trainer`: a language model from the corpus.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use clap::{Parser, Subcommand};
use corpus_format::{Corpus, error::print_chain, legal::Split};
use trainer::{
    Config, Result,
    data::show,
    engine::{self, fused},
    export,
    group::{self, Place},
    plan::Cost,
    run::{self, Begin},
    start,
};
use vocab::Tokenizer;

/// Continue pretraining on the corpus and tune on its instructions.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train as a configuration says; see trainer/configs/.
    Train {
        /// The configuration.
        config: PathBuf,
        /// Go on from the newest checkpoint, where there is one.
        #[arg(long)]
        resume: bool,
        /// Remove the run that is there.
        #[arg(long, conflicts_with = "resume")]
        fresh: bool,
    },
    /// Print what a run needs: parameters, memory, time. Nothing is started.
    Plan {
        /// The configuration.
        config: PathBuf,
    },
    /// Print what the data of a run is: tokens, how full rows are, and rows with borders and what is learned.
    Data {
        /// The configuration.
        config: PathBuf,
        /// Rows to show.
        #[arg(long, default_value_t = 2)]
        rows: usize,
    },
    /// Measure the fused engine on a configuration's shape, with random weights and tokens.
    Bench {
        /// The configurations, one after another.
        #[arg(required = true)]
        configs: Vec<PathBuf>,
        /// Ids of the vocabulary.
        #[arg(long, default_value_t = 57_344)]
        vocab_size: usize,
        /// Steps that count.
        #[arg(long, default_value_t = 5)]
        steps: u64,
        /// Only compute losses.
        #[arg(long)]
        score: bool,
    },
    /// Write a run's model as transformers and PEFT load it.
    Export {
        /// The folder of the run.
        run: PathBuf,
        /// Where to; `model` in the run where absent.
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Train { config, resume, fresh } => train(&config, resume, fresh),
        Command::Plan { config } => plan(&config),
        Command::Data { config, rows } => data(&config, rows),
        Command::Bench { configs, vocab_size, steps, score } => bench(&configs, vocab_size, steps, score),
        Command::Export { run, out } => export(&run, out.as_deref()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_chain(&error);
            ExitCode::FAILURE
        }
    }
}

fn train(config: &Path, resume: bool, fresh: bool) -> Result<()> {
    let config = Config::read(config)?;
    let begin = match (resume, fresh) {
        (true, _) => Begin::Resume,
        (_, true) => Begin::Fresh,
        _ => Begin::New,
    };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        // The second one does not wait for the step to end.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, stop.clone())?;
        signal_hook::flag::register(signal, stop.clone())?;
    }
    let outcome = run::train(&config, begin, &stop)?;
    println!("steps      {} of {}", outcome.step, outcome.num_steps);
    if outcome.num_skipped > 0 {
        println!("skipped    {} steps without a finite gradient", outcome.num_skipped);
    }
    if let Some((first, last)) = outcome.losses {
        println!("loss       {first:.4} → {last:.4} nats a token");
    }
    if let Some(validation) = outcome.validation {
        println!(
            "validation {:.4} nats a token, {:.4} bits a byte",
            validation.nats_per_token, validation.bits_per_byte
        );
    }
    let counts = outcome.counts;
    if counts.cut + counts.too_long + counts.nothing > 0 {
        println!(
            "records    {} of {} answers cut at the end of a row, {} left out: the prompt fills a row, {}: nothing to learn",
            counts.cut, counts.texts, counts.too_long, counts.nothing
        );
    }
    if outcome.step < outcome.num_steps {
        println!("stopped; --resume goes on");
    }
    println!("run        {}", config.output.display());
    Ok(())
}

/// The place of a rank that has no others.
const ALONE: (usize, usize) = (0, 1);

fn plan(config: &Path) -> Result<()> {
    let config = Config::read(config)?;
    let tokenizer = Tokenizer::open(&config.tokenizer)?;
    let (architecture, lora) = start::architecture(&config, &tokenizer)?;
    if engine::is_fused(&config, &architecture) {
        // What does not fit is said here, before anything starts.
        fused::memory_table(&architecture, lora.as_ref(), ALONE, &config)?;
    }
    let cost = Cost::of(&architecture, lora.as_ref(), ALONE, &config);
    // A plan is of use before the corpus is there, too.
    let steps = run::planned_steps(&config);
    print!("{}", cost.table(steps.as_ref().ok().copied()));
    if let Err(error) = steps {
        println!("{:<46}{error}", "steps are not known");
    }
    Ok(())
}

fn data(config: &Path, rows: usize) -> Result<()> {
    let config = Config::read(config)?;
    let tokenizer = Arc::new(Tokenizer::open(&config.tokenizer)?);
    let corpus = Corpus::open(&config.corpus)?;
    let stream = run::open(&config, &corpus, Split::Train, &tokenizer, Some(1), None)?;
    print!("{}", show::show(stream, &tokenizer, rows)?);
    Ok(())
}

fn bench(configs: &[PathBuf], vocab_size: usize, steps: u64, score: bool) -> Result<()> {
    let place = Place::from_environment(|name| std::env::var(name).ok())?;
    let device = run::device(place.local_rank)?;
    let mut group = group::join(place, &device)?;
    for path in configs {
        let measured = trainer::bench::bench(&Config::read(path)?, &device, group.as_mut(), vocab_size, steps, score)?;
        if group.rank() == 0 {
            println!("{}\n{}", path.display(), measured.table());
        }
    }
    group.leave();
    Ok(())
}

fn export(run: &Path, out: Option<&Path>) -> Result<()> {
    let exported = export::export(run, out)?;
    println!("model      {} (step {})", exported.model.display(), exported.step);
    if let Some(adapter) = exported.adapter {
        println!("adapter    {}", adapter.display());
    }
    Ok(())
}
