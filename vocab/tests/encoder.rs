//! The encoder against the SentencePiece library, on models of every sort that it has to meet.

use sentencepiece::SentencePieceProcessor;
use vocab::{
    Encoder,
    encode::Scratch,
    spm::{
        Model, Piece,
        model::Algorithm,
        train::{Options, train},
    },
};

const LAW: &str = include_str!("../../data-manifests/sample/statutes/宪法/宪法.md");

/// Random numbers that are the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// A small model of the Constitution's text.
fn model(more: &[(&'static str, &str)]) -> Model {
    let options = Options {
        algorithm: Algorithm::Bpe,
        vocab_size: 2200,
        character_coverage: 0.999,
        more: more.iter().map(|&(name, value)| (name, value.to_owned())).collect(),
    };
    train(LAW.lines().filter(|line| !line.is_empty()), &options).expect("trained")
}

/// The model with the scores of its ordinary pieces changed: whatever they are, both must agree.
fn rescored(model: &Model, score: impl Fn(usize, f32) -> f32) -> Model {
    let mut changed = model.clone();
    for (index, piece) in changed.pieces.iter_mut().enumerate().filter(|(_, p)| p.kind() == vocab::spm::Kind::Normal) {
        *piece = piece.at_score(score(index, piece.score()));
    }
    changed
}

/// Real lines, and lines put together from pieces, parts of pieces and characters outside the model.
fn lines(model: &Model, random: &mut Random) -> Vec<String> {
    let mut lines: Vec<String> = LAW.lines().map(str::to_owned).collect();
    let texts: Vec<Vec<char>> = model.pieces.iter().map(|p| p.text().chars().collect()).collect();
    let rare = ["龘", "𠮷", "🙂", " ", "　", "<s>", "\t", "\u{FFFD}", "１", "a", "▁"];
    for _ in 0..4000 {
        let mut line = String::new();
        for _ in 0..1 + random.below(10) {
            if random.below(6) == 0 {
                line += rare[random.below(rare.len())];
            } else {
                let text = &texts[random.below(texts.len())];
                let from = random.below(text.len());
                line.extend(&text[from..from + 1 + random.below(text.len() - from)]);
            }
        }
        lines.push(line);
    }
    lines
}

fn assert_equal(model: &Model, what: &str) {
    let encoder = Encoder::new(model).expect("supported");
    let library = SentencePieceProcessor::from_serialized_proto(&model.to_bytes()).expect("loaded");
    let mut random = Random(7);
    let (mut scratch, mut ids) = (Scratch::default(), Vec::new());
    for line in lines(model, &mut random) {
        ids.clear();
        encoder.encode(&line, &mut scratch, &mut ids);
        let theirs: Vec<u32> = library.encode(&line).expect("encoded").iter().map(|piece| piece.id).collect();
        assert_eq!(ids, theirs, "{what}: {line:?}");
    }
}

#[test]
fn a_trained_model_is_encoded_as_the_library_does() {
    assert_equal(&model(&[]), "as trained");
}

#[test]
fn scores_may_tie_and_may_favour_long_pieces_over_their_parts() {
    let trained = model(&[]);
    assert_equal(&rescored(&trained, |_, _| 0.0), "all tied");
    assert_equal(&rescored(&trained, |_, score| -(score / 40.0).floor()), "tied in groups, reversed");
    assert_equal(&rescored(&trained, |_, score| -score), "reversed");
    for seed in 0..6 {
        let random = |index: usize, _| ((index as u64 * 2_654_435_761 + seed * 97) % 1009) as f32;
        assert_equal(&rescored(&trained, random), "shuffled");
        assert_equal(&rescored(&trained, |index, score| (random(index, score) / 100.0).floor()), "shuffled and tied");
    }
}

#[test]
fn without_bytes_a_run_of_unknown_characters_is_one_mark() {
    assert_equal(&model(&[("byte_fallback", "false")]), "no bytes");
    assert_equal(&model(&[("add_dummy_prefix", "false")]), "no space before a text");
}

#[test]
fn user_defined_pieces_go_before_any_merge() {
    assert_equal(&model(&[("user_defined_symbols", "国家,国家机关,<law>,机")]), "user defined");
}

#[test]
fn pieces_of_characters_that_are_no_pieces_are_merged_all_the_same() {
    let mut with_bare = model(&[]);
    for text in ["龘龘", "龘国家", "国龘"] {
        with_bare.pieces.push(Piece::normal(text, 1.0));
    }
    assert_equal(&with_bare, "characters without a piece");
}

#[test]
fn a_piece_is_called_unreachable_exactly_where_the_library_never_makes_it() {
    let mut trained = model(&[("add_dummy_prefix", "false")]);
    // Words cut out anywhere, as a list of terms would add them: of many, no two pieces make a half each.
    let characters: Vec<char> = LAW.chars().filter(|c| !c.is_ascii() && !c.is_whitespace()).collect();
    for text in characters.chunks(4).step_by(9).map(String::from_iter) {
        if !trained.ids().contains_key(text.as_str()) {
            trained.pieces.push(Piece::normal(text, 0.0));
        }
    }
    let encoder = Encoder::new(&trained).unwrap();
    let library = SentencePieceProcessor::from_serialized_proto(&trained.to_bytes()).unwrap();
    let mut dead = Vec::new();
    for (id, piece) in (0..).zip(&trained.pieces).filter(|(_, p)| p.kind() == vocab::spm::Kind::Normal) {
        let ids: Vec<u32> = library.encode(piece.text()).unwrap().iter().map(|p| p.id).collect();
        if ids != [id] {
            dead.push(id);
        }
    }
    assert!(dead.len() > 50, "{}", dead.len());
    assert_eq!(encoder.unreachable(), dead);
}

#[test]
fn ids_are_decoded_as_the_library_does() {
    let trained = model(&[]);
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("tokenizer.model"), trained.to_bytes()).unwrap();
    let ours = vocab::Tokenizer::open(folder.path()).unwrap();
    let library = SentencePieceProcessor::from_serialized_proto(&trained.to_bytes()).unwrap();
    assert_eq!((ours.begin(), ours.end(), ours.pad()), (1, 2, None));
    let mut random = Random(3);
    for line in lines(&trained, &mut random) {
        let ids = ours.ids(&line);
        assert_eq!(ours.decode(&ids), library.decode_piece_ids(&ids).unwrap());
        // A text cannot tell a space from the character that stands for one.
        assert_eq!(ours.decode(&[&[1], &ids[..], &[2]].concat()), line.replace('▁', " "));
    }
}

#[test]
fn what_would_be_encoded_differently_is_refused() {
    let unigram = Options {
        algorithm: Algorithm::Unigram,
        vocab_size: 2000,
        character_coverage: 0.999,
        more: vec![("hard_vocab_limit", "false".into())],
    };
    let unigram = train(LAW.lines().filter(|line| !line.is_empty()), &unigram).unwrap();
    let error = |model: &Model| Encoder::new(model).err().unwrap().to_string();
    assert!(error(&unigram).contains("Unigram"));
    assert!(error(&model(&[("normalization_rule_name", "nmt_nfkc")])).contains("nmt_nfkc"));
}

#[test]
fn golden_encodings_of_the_published_models_hold() {
    let folder = std::path::Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo"))
        .join("../../shared/data/tokenizers");
    let Ok(golden) = fs_err::read_to_string(folder.join("golden_encodings.jsonl")) else {
        eprintln!("SKIPPED: {} is not here", folder.display());
        return;
    };
    for name in ["llama", "chinese_llama", "chinese_alpaca"] {
        let encoder = Encoder::new(&Model::read(&folder.join(name).join("tokenizer.model")).unwrap()).unwrap();
        for line in golden.lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let ids: Vec<u32> = serde_json::from_value(record[name]["ids"].clone()).unwrap();
            assert_eq!(encoder.ids(record["text"].as_str().unwrap()), ids, "{name}");
        }
    }
}
