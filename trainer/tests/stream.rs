//! The order of the data: decided by the seed, taken up again anywhere, the same for any number of ranks.

mod support;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use corpus_format::{Corpus, Table, legal::Split};
use support::{tokenizer, tokenizer_of};
use trainer::{
    Config,
    data::{
        batch::{Batch, Row},
        loader::Loader,
        pack::Packing,
        stream::{Plan, Source, State, Stream},
    },
    run,
};
use vocab::Tokenizer;

/// The corpus that is kept for every version of the schema.
fn corpus() -> Corpus {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo");
    let folder = Path::new(&package).join("../pipeline/format/tests/compat");
    Corpus::open(folder.join(format!("v{}", corpus_format::SCHEMA_VERSION))).expect("a corpus")
}

fn plan(seed: u64, epochs: u64) -> Plan {
    let weights = BTreeMap::new();
    Plan { seq_len: 64, packing: Packing::Texts, weights, seed, epochs: Some(epochs), block: 2, max_bytes: None }
}

fn stream(tokenizer: &Arc<Tokenizer>, plan: Plan, state: Option<State>) -> Stream {
    Stream::open(&corpus(), Split::Train, Source::Documents, tokenizer.clone(), plan, state).expect("a stream")
}

fn rows(mut stream: Stream) -> Vec<Row> {
    std::iter::from_fn(|| stream.next_row().expect("a row")).collect()
}

/// How often each token stands in rows.
fn counted(rows: &[Row]) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        let text = &row.tokens[..row.tokens.len() - row.filling()];
        text.iter().for_each(|token| *counts.entry(*token).or_default() += 1);
    }
    counts
}

#[test]
fn the_seed_decides_the_order_and_every_epoch_has_its_own() {
    let tokenizer = tokenizer();
    let once = rows(stream(&tokenizer, plan(1, 1), None));
    assert!(once.len() > 20, "{}", once.len());
    assert_eq!(once, rows(stream(&tokenizer, plan(1, 1), None)));
    let other = rows(stream(&tokenizer, plan(2, 1), None));
    assert_ne!(once, other);
    assert_eq!(counted(&once), counted(&other), "the same texts in another order");
    let twice = rows(stream(&tokenizer, plan(1, 2), None));
    let doubled: BTreeMap<u32, usize> = counted(&once).into_iter().map(|(token, count)| (token, 2 * count)).collect();
    assert_eq!(counted(&twice), doubled);
}

#[test]
fn weights_repeat_and_leave_out_kinds() {
    let tokenizer = tokenizer();
    let with = |pairs: &[(&str, f64)], epochs: u64| {
        let weights = pairs.iter().map(|(kind, weight)| ((*kind).to_owned(), *weight)).collect();
        // What is learned: a last token alone in a row, from which nothing is, may go.
        rows(stream(&tokenizer, Plan { weights, ..plan(1, epochs) }, None)).iter().map(Row::num_targets).sum::<usize>()
    };
    let all = with(&[], 1);
    let both = |weight: f64| [("statute", weight), ("judgment", weight)];
    assert_eq!(with(&both(3.0), 1), 3 * all);
    let laws = with(&[("judgment", 0.0)], 1);
    assert!(laws < all && with(&[("statute", 2.0), ("judgment", 0.0)], 1) == 2 * laws);
    let some = with(&both(1.5), 40) as f64 / all as f64;
    assert!((50.0..70.0).contains(&some), "a fraction takes that share of row groups: {some} times in 40 epochs");
    let nothing = Plan { weights: both(0.0).map(|(kind, weight)| (kind.to_owned(), weight)).into(), ..plan(1, 1) };
    let error = stream(&tokenizer, nothing, None).next_row().expect_err("refused").to_string();
    assert!(error.contains("nothing to learn from"), "{error}");
    let unknown = Plan { weights: BTreeMap::from([("novel".into(), 1.0)]), ..plan(1, 1) };
    let error =
        Stream::open(&corpus(), Split::Train, Source::Documents, tokenizer, unknown, None).err().expect("refused");
    assert!(error.to_string().contains("no kind `novel`"), "{error}");
}

#[test]
fn going_on_from_any_row_gives_the_same_rows() {
    let tokenizer = tokenizer();
    let mut whole = stream(&tokenizer, plan(5, 2), None);
    let (mut all, mut states) = (Vec::new(), Vec::new());
    while let Some(row) = whole.next_row().expect("a row") {
        all.push(row);
        states.push(whole.state().clone());
    }
    for at in (0..all.len()).step_by(7) {
        // As a checkpoint has it: through JSON.
        let state = serde_json::from_str(&serde_json::json!(states[at]).to_string()).expect("a state");
        assert_eq!(rows(stream(&tokenizer, plan(5, 2), Some(state))), all[at + 1..], "after row {at}");
    }
}

#[test]
fn ranks_share_every_batch_and_batches_do_not_depend_on_their_number() {
    let tokenizer = tokenizer();
    let all = rows(stream(&tokenizer, plan(1, 1), None));
    let mut loader = Loader::start(stream(&tokenizer, plan(1, 1), None), 6).expect("a thread");
    let mut batches = Vec::new();
    while let Some((batch, _)) = loader.next_batch().expect("a batch") {
        batches.push(batch);
    }
    assert_eq!(batches.iter().flat_map(|batch| batch.rows.clone()).collect::<Vec<_>>(), all);
    for world in 1..5 {
        for batch in &batches {
            let shares: Vec<Vec<Batch>> = (0..world).map(|rank| batch.share(rank, world, 2)).collect();
            assert!(shares.iter().flatten().all(|part| part.rows.len() <= 2));
            let mut shared: Vec<Vec<u32>> =
                shares.iter().flatten().flat_map(|part| &part.rows).map(|row| row.tokens.clone()).collect();
            let mut rows: Vec<Vec<u32>> = batch.rows.iter().map(|row| row.tokens.clone()).collect();
            shared.sort();
            rows.sort();
            assert_eq!(shared, rows);
        }
    }
}

#[test]
fn every_run_and_every_tokenizer_is_measured_on_the_same_texts() {
    let measured = |tokenizer: &Arc<Tokenizer>, changes: &str| {
        let text =
            format!("task = \"pretrain\"\noutput = \"run\"\nmodel.base = \"base\"\ndata.seq_len = 4096\n{changes}");
        let config: Config = toml::from_str(&text).expect("a configuration");
        let mut stream = run::open(&config, &corpus(), Split::Validation, tokenizer, Some(1), None).expect("a stream");
        let rows: Vec<Row> = std::iter::from_fn(|| stream.next_row().expect("a row")).collect();
        (rows, stream.state().counts)
    };
    let tokenizer = tokenizer();
    let (rows, counts) = measured(&tokenizer, "evaluate.bytes = 2000");
    assert!((2000..4000).contains(&counts.bytes), "{counts:?}");
    let others = "evaluate.bytes = 2000\nseed = 9\ndata.block = 1\ndata.weights = { statute = 3.0 }";
    assert_eq!(measured(&tokenizer, others), (rows, counts));
    // Fewer ids, more tokens, the same text.
    let (_, with_less) = measured(&tokenizer_of(1200), "evaluate.bytes = 2000");
    assert_eq!((with_less.texts, with_less.bytes), (counts.texts, counts.bytes));
    assert!(with_less.tokens > counts.tokens);
    let (_, all) = measured(&tokenizer, "evaluate.bytes = 1000000000");
    let corpus = corpus();
    let held_out = corpus.index().files_of(Table::Documents).filter(|file| file.split.as_deref() == Some("validation"));
    let texts: u64 = held_out.map(|file| file.rows).sum();
    assert!(all.texts > counts.texts && all.texts == texts, "{all:?}");
    let (_, one) = measured(&tokenizer, "evaluate.bytes = 100");
    assert!(one.texts <= 2 && (100..=200).contains(&one.bytes), "cut at a character each: {one:?}");
}
