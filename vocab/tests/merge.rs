//! The merges of the projects before us, to the byte, and what is said of their lists.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use vocab::{
    compare, hugging_face, merge,
    spm::{
        Kind, Model,
        model::Algorithm,
        train::{Options, train},
    },
};

fn shared(path: &str) -> Option<PathBuf> {
    let path =
        Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo")).join("../../shared/data").join(path);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not here", path.display());
        return None;
    }
    Some(path)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn chinese_llama_and_alpaca_come_out_as_they_were_published() {
    let (Some(base), Some(add)) =
        (shared("tokenizers/llama/tokenizer.model"), shared("tokenizers/chinese_sp/chinese_sp.model"))
    else {
        return;
    };
    let (base, add) = (Model::read(&base).unwrap(), Model::read(&add).unwrap());
    let llama = merge::like_chinese_llama(&base, &add, false).to_bytes();
    let alpaca = merge::like_chinese_llama(&base, &add, true).to_bytes();
    assert_eq!(sha256(&llama), "e2676d4ca29ca1750f6ff203328d73b189321dc5776ceede037cbd36541d70c0");
    assert_eq!(sha256(&alpaca), "2d967e855b1213a439df6c8ce2791f869c84b4f3b6cfacf22b86440b8192a2f8");
    let found = Model::read(&shared("tokenizers/chinese_alpaca/tokenizer.model").unwrap()).unwrap();
    assert_eq!(found.to_bytes(), alpaca);
}

#[test]
fn every_published_model_is_written_again_byte_for_byte() {
    for name in ["llama", "chinese_llama", "chinese_alpaca", "chinese_llama2"] {
        let Some(path) = shared(&format!("tokenizers/{name}/tokenizer.model")) else { return };
        assert_eq!(Model::read(&path).unwrap().to_bytes(), fs_err::read(&path).unwrap(), "{name}");
    }
}

#[test]
fn lawgpt_s_list_leaves_two_thousand_words_that_no_text_reaches() {
    let (Some(base), Some(list)) =
        (shared("tokenizers/chinese_llama/tokenizer.model"), shared("vocab/legal_vocab.txt"))
    else {
        return;
    };
    let base = Model::read(&base).unwrap();
    let (terms, mut faults) = merge::read_terms(&list).unwrap();
    let merged = merge::like_lawgpt(&base, &terms, &mut faults);
    assert_eq!((faults.num_lines, faults.num_repeats, terms.len()), (6954, 2647, 4307));
    assert_eq!(merged.pieces.len(), 54_026);
    let (before, after) = (compare::faults(&base).unwrap(), compare::faults(&merged).unwrap());
    assert_eq!(before.num_unreachable, 539);
    assert_eq!(after.num_unreachable - before.num_unreachable, 1922);
}

#[test]
fn a_list_from_windows_with_repeats_is_read_and_its_faults_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("terms.txt");
    fs_err::write(&path, "\u{FEFF}合同\r\n\r\n合同\r\nNDA\r\n第三人撤销之诉的适格主体与审理程序问题\r\n").unwrap();
    let (terms, faults) = merge::read_terms(&path).unwrap();
    assert_eq!(terms, ["合同", "NDA", "第三人撤销之诉的适格主体与审理程序问题"]);
    let counted = (faults.num_lines, faults.num_empty, faults.num_repeats, faults.num_not_han, faults.num_too_long);
    assert_eq!(counted, (5, 1, 1, 1, 1));
    fs_err::write(&path, b"\xE5\x90\x88\n\xFF\n").unwrap();
    let error = merge::read_terms(&path).unwrap_err().to_string();
    assert!(error.contains("terms.txt:2: not UTF-8"), "{error}");
}

#[test]
fn a_merge_of_others_with_user_defined_and_control_pieces_is_read_and_its_json_refused() {
    let law = include_str!("../../data-manifests/sample/statutes/宪法/宪法.md");
    let options = Options {
        algorithm: Algorithm::Bpe,
        vocab_size: 2200,
        character_coverage: 0.999,
        more: [("user_defined_symbols", "<law>,国家"), ("control_symbols", "<turn>")]
            .map(|(name, value)| (name, value.to_owned()))
            .to_vec(),
    };
    let base = train(law.lines().filter(|line| !line.is_empty()), &options).unwrap();
    let merged = merge::append_below(&base, &["中华人民", "共和国"]).unwrap();
    let encoder = vocab::Encoder::new(&merged).unwrap();
    let ids = encoder.ids("国家<law>");
    assert!(ids.iter().filter(|id| merged.pieces[**id as usize].kind() == Kind::UserDefined).count() == 2, "{ids:?}");
    let refused = hugging_face::files(&merged).unwrap_err().to_string();
    assert!(refused.contains("is user-defined, which tokenizer.json cannot say"), "{refused}");
    // The promises hold for what can be written.
    let audit = vocab::audit::audit(&base, &merged, "国家机关<law>中华人民共和国<turn>", 2000).unwrap();
    assert!(!audit.has_json && audit.num_lines > 2000);
}
