//! A base whose scores tie, as Chinese-LLaMA's do: an order in place of the ties, or no tokenizer.json.

use vocab::{
    Encoder, hugging_face,
    spm::{
        Kind, Model,
        model::Algorithm,
        train::{Options, train},
    },
    ties,
};

const LAW: &str = include_str!("../../data-manifests/sample/statutes/宪法/宪法.md");

/// A small model of the Constitution's text, its longer pieces all at the score 0, above the others.
fn tied_model() -> Model {
    let options = Options { algorithm: Algorithm::Bpe, vocab_size: 2200, character_coverage: 0.999, more: Vec::new() };
    let mut model = train(LAW.lines().filter(|line| !line.is_empty()), &options).expect("trained");
    for piece in model.pieces.iter_mut().filter(|p| p.kind() == Kind::Normal && p.text().chars().count() > 1) {
        *piece = piece.at_score(0.0);
    }
    model
}

#[test]
fn a_learned_order_keeps_nearly_every_token_and_can_be_written_as_json() {
    let tied = tied_model();
    assert!(ties::has_ties(&tied));
    let refused = hugging_face::files(&tied).expect_err("ties").to_string();
    assert!(refused.contains("share the score 0"), "{refused}");

    let encoder = Encoder::new(&tied).expect("supported");
    let mut stretches = ties::Stretches::within(1 << 24);
    LAW.lines().for_each(|line| ties::count_stretches(&encoder, line, 1, &mut stretches));
    let ordered = ties::break_ties(&tied, &stretches).expect("ordered");
    assert!(!ties::has_ties(&ordered));
    let drift = |model: &Model| {
        let other = Encoder::new(model).expect("supported");
        let of_line = |line: &str| {
            let (before, after) = (encoder.ids(line), other.ids(line));
            (before.len(), ties::num_changed(&tied, &before, &after))
        };
        LAW.lines().map(of_line).fold((0, 0), |sum, line| (sum.0 + line.0, sum.1 + line.1))
    };
    let (num_tokens, learned) = drift(&ordered);
    let (_, by_id) = drift(&ties::break_ties(&tied, &ties::Stretches::within(1 << 24)).expect("ordered"));
    assert!(learned * 200 < num_tokens, "{learned} of {num_tokens} tokens changed");
    assert!(learned * 4 < by_id, "{learned} by learning, {by_id} in the order of ids");

    // Hugging Face reads the order as SentencePiece does.
    let (_, json) = hugging_face::files(&ordered).expect("no ties").remove(0);
    let json = tokenizers::Tokenizer::from_bytes(json.to_string()).expect("loaded");
    let ours = Encoder::new(&ordered).expect("supported");
    for line in LAW.lines() {
        assert_eq!(json.encode_fast(line, false).expect("encoded").get_ids(), ours.ids(line), "{line}");
    }
}

#[test]
fn no_id_moves_and_pieces_of_another_score_stay_where_they_are() {
    let tied = tied_model();
    let ordered = ties::break_ties(&tied, &ties::Stretches::within(1 << 24)).expect("ordered");
    for (before, after) in tied.pieces.iter().zip(&ordered.pieces) {
        assert_eq!((before.text(), before.kind()), (after.text(), after.kind()));
        if before.score() < 0.0 || before.kind() != Kind::Normal {
            assert_eq!(before.score().to_bits(), after.score().to_bits());
        } else {
            assert!(after.score() <= 0.0 && after.score() > -10_000.0);
        }
    }
}
