//! Generate instruction records through any OpenAI-compatible endpoint: questions about given articles, answers
//! whose citations exist.

/// Pairs out of what a model wrote.
pub mod answer;
/// One request, sent again where that can help.
pub mod client;
/// What a run depends on.
pub mod config;
/// Articles to give, and which citations exist.
pub mod laws;
/// Everything that was answered.
pub mod ledger;
/// What a model is asked.
pub mod prompt;
/// Records and rejects out of the answers.
pub mod records;
/// Which pairs are taken.
pub mod verify;

use corpus_format::Corpus;

use self::{
    client::{Client, Reply},
    config::GenerateConfig,
    laws::Laws,
    ledger::{Entry, Ledger},
    prompt::Request,
};
use crate::{
    error::{Error, Result},
    progress::{Progress, Unit},
};

/// What a run did, with all that its folder holds.
#[derive(Debug)]
pub struct Generated {
    /// Requests of the configuration.
    pub planned: usize,
    /// Answers of this run.
    pub asked: usize,
    /// Answers in the folder.
    pub answers: usize,
    /// Tokens of the prompts and of the answers in the folder.
    pub tokens: [u64; 2],
    /// Pairs that are records.
    pub records: usize,
    /// Pairs and answers that are not.
    pub rejects: usize,
}

/// Ask for what is not answered yet, then write the records and the rejects of all answers.
///
/// # Errors
/// The corpus or the configuration is wrong, the endpoint fails for good, or a limit is reached; what was answered
/// until then is kept and written.
pub fn generate(config: &GenerateConfig, progress: &Progress) -> Result<Generated> {
    let client = Client::new(&config.endpoint)?;
    let corpus = Corpus::open(&config.corpus)?;
    let laws = Laws::read(&corpus, &config.articles)?;
    let groups = laws.groups(&corpus, &config.articles)?;
    let requests: Vec<Request> = groups.iter().map(|group| prompt::request(group, config)).collect();
    fs_err::create_dir_all(&config.output)?;
    let mut ledger = Ledger::open(&config.output.join("answers.jsonl"))?;
    let before = ledger.entries.len();
    let open: Vec<&Request> = requests.iter().filter(|request| !ledger.has(&request.key)).collect();
    let bar = progress.stage("generate", Some(open.len() as u64), Unit::Items);
    let asked = open.chunks(config.endpoint.parallel).enumerate().try_for_each(|(n, chunk)| {
        let left = open.len() - n * config.endpoint.parallel;
        let affordable = affordable(chunk, &ledger, config);
        ask(&client, &chunk[..affordable], &corpus, config, &mut ledger)?;
        bar.add(affordable as u64);
        if affordable < chunk.len() { Err(limit(&ledger, left - affordable, config)) } else { Ok(()) }
    });
    bar.finish();
    let (records, rejects) = records::write(&config.output, &ledger.entries, &laws, config)?;
    asked?;
    let tokens = |of: fn(&Reply) -> u64| ledger.entries.iter().map(|entry| of(&entry.reply)).sum();
    Ok(Generated {
        planned: requests.len(),
        asked: ledger.entries.len() - before,
        answers: ledger.entries.len(),
        tokens: [tokens(|reply| reply.prompt_tokens), tokens(|reply| reply.completion_tokens)],
        records,
        rejects,
    })
}

/// How many of the requests the limits allow, should each cost as much as it can: a token a character, and all
/// tokens of its answer.
fn affordable(requests: &[&Request], ledger: &Ledger, config: &GenerateConfig) -> usize {
    let mut tokens = ledger.tokens();
    let left = config.limits.max_requests.saturating_sub(ledger.entries.len());
    let fits = |request: &&&Request| {
        let prompt = request.system.chars().count() + request.user.chars().count();
        tokens += prompt as u64 + config.endpoint.max_tokens;
        tokens <= config.limits.max_total_tokens
    };
    requests.iter().take(left).take_while(fits).count()
}

fn limit(ledger: &Ledger, left: usize, config: &GenerateConfig) -> Error {
    let by_requests = ledger.entries.len() >= config.limits.max_requests;
    let field = if by_requests { "limits.max_requests" } else { "limits.max_total_tokens" };
    Error::Limit { answers: ledger.entries.len(), tokens: ledger.tokens(), left, field }
}

/// Send requests at the same time; the answers are entered in the order of the requests.
fn ask(
    client: &Client<'_>,
    requests: &[&Request],
    corpus: &Corpus,
    config: &GenerateConfig,
    ledger: &mut Ledger,
) -> Result<()> {
    let replies: Vec<Result<Reply>> = std::thread::scope(|scope| {
        let threads: Vec<_> = requests.iter().map(|request| scope.spawn(|| client.ask(request))).collect();
        let panicked = || Err(Error::Defect("a request panicked".into()));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panicked())).collect()
    });
    let mut failed = None;
    for (request, reply) in requests.iter().zip(replies) {
        match reply {
            Ok(reply) => ledger.append(entry(request, reply, corpus, config))?,
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(()), Err)
}

fn entry(request: &Request, reply: Reply, corpus: &Corpus, config: &GenerateConfig) -> Entry {
    Entry {
        key: request.key.clone(),
        corpus: corpus.index().build_key.clone(),
        articles: request.articles.clone(),
        model: config.endpoint.model.clone(),
        prompt_version: prompt::VERSION,
        system: request.system.to_owned(),
        user: request.user.clone(),
        seed: request.seed,
        temperature: config.endpoint.temperature,
        max_tokens: config.endpoint.max_tokens,
        reply,
    }
}

/// What a run did, in lines.
pub fn summary(config: &GenerateConfig, done: &Generated) -> String {
    let [prompt, completion] = done.tokens;
    let mut text = format!(
        "requests  {} planned, {} asked now, {} answered\ntokens    {prompt} of prompts, {completion} of answers\n",
        done.planned, done.asked, done.answers
    );
    if let Some(price) = &config.price {
        let cost = (prompt as f64 * price.prompt + completion as f64 * price.completion) / 1e6;
        text += &format!("cost      {cost:.4} {}\n", price.currency);
    }
    text + &format!("records   {}\nrejects   {}\noutput    {}\n", done.records, done.rejects, config.output.display())
}
