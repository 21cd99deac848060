//! `vocab`: legal tokens for a Chinese LLaMA.

use std::{
    io::{BufRead, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand, ValueEnum};
use corpus_format::{Corpus, error::print_chain};
use vocab::{
    Config, Encoder, Error, Result, audit, compare,
    config::{Method, Ties},
    count,
    encode::Scratch,
    hugging_face, merge, output, run,
    spm::Model,
    words::Span,
};

/// Train legal tokens and merge them into a LLaMA tokenizer.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train on a corpus: new tokens below a base model, audited, for SentencePiece and Hugging Face.
    Train {
        /// Configuration; see vocab/configs/.
        #[arg(default_value = "vocab/configs/tokenizer.toml")]
        config: PathBuf,
        /// What a new piece may span, in place of train.span.
        #[arg(long)]
        span: Option<Span>,
        /// What becomes of pieces of the base whose scores tie, in place of base.ties.
        #[arg(long)]
        base_ties: Option<Ties>,
    },
    /// Merge as a project before us did, and say what is wrong with the result.
    Merge {
        /// Whose way.
        #[arg(long)]
        like: Like,
        /// The model that is merged into.
        #[arg(long)]
        base: PathBuf,
        /// What is added: a model for chinese-llama, a list of terms, one a line, for lawgpt.
        #[arg(long)]
        add: PathBuf,
        /// Add `[PAD]` behind everything, as Chinese-Alpaca does.
        #[arg(long)]
        pad: bool,
        /// Folder for the result.
        #[arg(long)]
        out: PathBuf,
    },
    /// Say what a model is made of and which of its pieces no text reaches; as JSON.
    Audit {
        /// A tokenizer.model.
        model: PathBuf,
        /// Check what a model that was merged into this one promises, too.
        #[arg(long)]
        base: Option<PathBuf>,
        /// Lines to check that on, beside made-up ones.
        #[arg(long, requires = "base")]
        text: Option<PathBuf>,
    },
    /// Encode lines of text to ids, or count the tokens of a corpus.
    Encode {
        /// A tokenizer.model.
        model: PathBuf,
        /// Print pieces in place of ids.
        #[arg(long)]
        pieces: bool,
        /// A folder of shards, in place of text; counts go to --out.
        #[arg(long, conflicts_with_all = ["text", "pieces"], requires = "out")]
        corpus: Option<PathBuf>,
        /// A parquet file for table, id and num_tokens of each row of the corpus.
        #[arg(long, requires = "corpus")]
        out: Option<PathBuf>,
        /// Text, a line at a time; standard input where absent.
        text: Option<PathBuf>,
    },
    /// Count the tokens that each of several tokenizers makes of a text.
    Compare {
        /// Text.
        text: PathBuf,
        /// Files tokenizer.model or tokenizer.json.
        #[arg(required = true)]
        models: Vec<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Like {
    /// Every piece of another model, all at the score 0.
    ChineseLlama,
    /// Every term of a list, all at the score 0.
    Lawgpt,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Train { config, span, base_ties } => train(&config, span, base_ties),
        Command::Merge { like, base, add, pad, out } => merge_like(like, &base, &add, pad, &out),
        Command::Audit { model, base, text } => audit(&model, base.as_deref(), text.as_deref()),
        Command::Encode { model, corpus: Some(corpus), out: Some(out), .. } => count_corpus(&model, &corpus, &out),
        Command::Encode { model, pieces, text, .. } => encode(&model, pieces, text.as_deref()),
        Command::Compare { text, models } => table(&text, &models),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_chain(&error);
            ExitCode::FAILURE
        }
    }
}

fn train(config: &Path, span: Option<Span>, base_ties: Option<Ties>) -> Result<()> {
    let mut config = Config::read(config)?;
    config.train.span = span.unwrap_or(config.train.span);
    config.base.ties = base_ties.unwrap_or(config.base.ties);
    if config.train.method != Method::Lifted {
        let model = run::train_alone(&config)?;
        println!("tokenizer  {} pieces, without a base", model.pieces.len());
        println!("wrote      {}", config.output.display());
        return Ok(());
    }
    let trained = run::train(&config)?;
    let audit = &trained.audit;
    println!("base       {} ({} pieces)", trained.base, audit.num_base_pieces);
    println!("tokenizer  {} pieces, {} new; {} checked lines", audit.num_pieces, audit.num_new, audit.num_lines);
    for kind in audit.kinds.iter().filter(|kind| kind.num_chars > 0) {
        let (change, density) = (kind.change_percent(), kind.chars_per_token());
        println!("{:<12} {change:+.1} % tokens, {density:.3} characters a token", kind.kind);
    }
    println!("used       {} of {} new pieces, on held-out text", trained.num_used, audit.num_new);
    let terms = &trained.mined_terms;
    println!(
        "terms      {} of {} mined are one token; {} were in the base",
        terms.num_single, terms.num_terms, terms.num_single_in_base
    );
    if trained.standard_error > 0.0 {
        println!("sampled    counts are off by {:.1} % or less, mostly", 100.0 * trained.standard_error);
    }
    if trained.drift.num_changed > 0 {
        println!("ties       broken; {:.2} % of the base's tokens on held-out text changed", trained.drift.percent());
    }
    println!("wrote      {}", config.output.display());
    if let Some(reason) = trained.no_json {
        println!("no tokenizer.json: {reason}");
    }
    Ok(())
}

fn merge_like(like: Like, base: &Path, add: &Path, pad: bool, out: &Path) -> Result<()> {
    let base = Model::read(base)?;
    let merged = match like {
        Like::ChineseLlama => merge::like_chinese_llama(&base, &Model::read(add)?, pad),
        Like::Lawgpt => {
            let (terms, mut faults) = merge::read_terms(add)?;
            let merged = merge::like_lawgpt(&base, &terms, &mut faults);
            print_json(&faults)?;
            merged
        }
    };
    let mut files = vec![("tokenizer.model", merged.to_bytes())];
    print_json(&compare::faults(&merged)?)?;
    match hugging_face::files(&merged) {
        Ok(json) => files.extend(json.iter().map(|(name, value)| (*name, output::pretty(value)))),
        Err(reason) => println!("no tokenizer.json: {reason}"),
    }
    output::write_folder(out, &files)
}

fn audit(model: &Path, base: Option<&Path>, text: Option<&Path>) -> Result<()> {
    let model = Model::read(model)?;
    print_json(&compare::faults(&model)?)?;
    if let Some(base) = base {
        let text = text.map(fs_err::read_to_string).transpose()?.unwrap_or_default();
        print_json(&audit::audit(&Model::read(base)?, &model, &text, run::FUZZ_ROUNDS)?)?;
    }
    Ok(())
}

fn count_corpus(model: &Path, corpus: &Path, out: &Path) -> Result<()> {
    let encoder = Encoder::new(&Model::read(model)?)?;
    let start = std::time::Instant::now();
    let total = count::count(&Corpus::open(corpus)?, &encoder, out)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("rows       {}", total.num_rows);
    println!("tokens     {}", total.num_tokens);
    println!("text       {:.1} MB, {:.0} MB/s", total.num_bytes as f64 / 1e6, total.num_bytes as f64 / 1e6 / seconds);
    println!("wrote      {}", out.display());
    Ok(())
}

fn encode(model: &Path, pieces: bool, text: Option<&Path>) -> Result<()> {
    let model = Model::read(model)?;
    let encoder = Encoder::new(&model)?;
    let mut input: Box<dyn BufRead> = match text {
        Some(path) => Box::new(std::io::BufReader::new(fs_err::File::open(path)?)),
        None => Box::new(std::io::stdin().lock()),
    };
    let at = text.map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (mut scratch, mut ids, mut line, mut number) = (Scratch::default(), Vec::new(), Vec::new(), 0);
    while input.read_until(b'\n', &mut line)? > 0 {
        number += 1;
        let text = std::str::from_utf8(&line)
            .map_err(|_| Error::Invalid { at: format!("{at}:{number}"), what: "not UTF-8".into() })?;
        ids.clear();
        encoder.encode(text.trim_end_matches(['\r', '\n']), &mut scratch, &mut ids);
        let shown = |id: &u32| if pieces { model.pieces[*id as usize].text().to_owned() } else { id.to_string() };
        writeln!(out, "{}", ids.iter().map(shown).collect::<Vec<_>>().join(" "))?;
        line.clear();
    }
    Ok(out.flush()?)
}

fn table(text: &Path, models: &[PathBuf]) -> Result<()> {
    let figures = compare::compare(models, &fs_err::read_to_string(text)?)?;
    let first = figures.first().map_or(1, |f| f.num_tokens).max(1) as f64;
    println!("{:>8} {:>12} {:>8} {:>8} {:>9}  model", "pieces", "tokens", "chars/t", "t/1000", "change");
    for figures in &figures {
        println!(
            "{:>8} {:>12} {:>8.3} {:>8.0} {:>8.1}%  {}",
            figures.num_pieces,
            figures.num_tokens,
            figures.num_chars as f64 / figures.num_tokens.max(1) as f64,
            1000.0 * figures.num_tokens as f64 / figures.num_chars.max(1) as f64,
            100.0 * (figures.num_tokens as f64 / first - 1.0),
            figures.model,
        );
    }
    Ok(())
}

fn print_json(value: &impl serde::Serialize) -> Result<()> {
    println!("{:#}", serde_json::json!(value));
    Ok(())
}
