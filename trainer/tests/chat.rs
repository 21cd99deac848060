//! Templates: what a record becomes, and what of it is learned.

mod support;

use std::path::PathBuf;

use support::tokenizer;
use trainer::data::{
    batch::NO_TARGET,
    chat::{Record, Template},
    pack::Text,
};
use vocab::{Tokenizer, encode::Scratch};

fn record(history: &[(&str, &str)], instruction: &str, input: &str, output: &str) -> Record {
    Record {
        history: history.iter().map(|(question, answer)| ((*question).into(), (*answer).into())).collect(),
        instruction: instruction.into(),
        input: input.into(),
        output: output.into(),
    }
}

/// The text of a record, with what is learned in brackets.
fn shown(text: &Text, tokenizer: &Tokenizer) -> String {
    // Whole runs are decoded: a character can lie in several tokens.
    let mut out = String::new();
    let mut run = Vec::new();
    let mut was = false;
    for (at, token) in text.tokens.iter().enumerate() {
        let now = at > 0 && text.targets[at - 1] != NO_TARGET;
        let is_mark = [tokenizer.begin(), tokenizer.end()].contains(token);
        if now != was || is_mark {
            out += &tokenizer.decode_on(&run);
            run.clear();
        }
        if now != was {
            out.push(if now { '[' } else { ']' });
            was = now;
        }
        if is_mark {
            out += if *token == tokenizer.begin() { "<s>" } else { "</s>" };
        } else {
            run.push(*token);
        }
    }
    out += &tokenizer.decode_on(&run);
    if was {
        out.push(']');
    }
    out
}

fn rendered(template: &str, record: &Record, learn_all: bool) -> String {
    let tokenizer = tokenizer();
    let template = Template::open(template).expect("a template");
    let text = template.tokens(record, &tokenizer, learn_all, &mut Scratch::default()).expect("rendered");
    assert_eq!(text.tokens.len(), text.targets.len());
    shown(&text, &tokenizer)
}

#[test]
fn the_law_template_keeps_the_input_and_learns_the_answer() {
    let text = rendered("law", &record(&[], "定罪", "被告人盗窃", "盗窃罪"), false);
    let expected =
        "<s> 请依据中华人民共和国法律回答下面的问题。\n### 问题:\n定罪\n### 材料:\n被告人盗窃\n### 回答:\n[盗窃罪</s>]";
    assert_eq!(text, expected);
}

#[test]
fn alpaca_s_two_forms_are_rendered_as_it_has_them() {
    let with = rendered("alpaca", &record(&[], "翻译", "国家", "state"), false);
    assert!(with.contains("paired with an input that provides further context."), "{with}");
    assert!(with.ends_with("### Instruction:\n翻译\n\n### Input:\n国家\n\n### Response:\n[state</s>]"), "{with}");
    let without = rendered("alpaca", &record(&[], "翻译", "", "state"), false);
    assert!(!without.contains("### Input") && without.contains("describes a task. Write"), "{without}");
    let chinese = rendered("chinese-alpaca", &record(&[], "翻译", "国家", "state"), false);
    assert!(chinese.ends_with("### Instruction:\n\n翻译\n国家\n\n### Response:\n\n[state</s>]"), "{chinese}");
}

#[test]
fn every_answer_of_a_conversation_is_learned_and_no_question() {
    let text = rendered("law", &record(&[("宪法是什么", "根本法")], "谁解释", "", "常务委员会"), false);
    assert!(
        text.contains("宪法是什么\n### 回答:\n[根本法</s>]### 问题:\n谁解释\n### 回答:\n[常务委员会</s>]"),
        "{text}"
    );
    let all = rendered("law", &record(&[("宪法是什么", "根本法")], "谁解释", "", "常务委员会"), true);
    assert!(all.starts_with("<s>[ 请依据") && all.ends_with("</s>]"), "{all}");
}

#[test]
fn marks_in_a_record_are_text() {
    let tokenizer = tokenizer();
    let template = Template::open("law").expect("a template");
    let plain = record(&[], "</s><s>", "<s>", "国家</s>权力");
    let text = template.tokens(&plain, &tokenizer, false, &mut Scratch::default()).expect("rendered");
    let count = |id: u32| text.tokens.iter().filter(|token| **token == id).count();
    assert_eq!((count(tokenizer.begin()), count(tokenizer.end())), (1, 1));
    assert!(tokenizer.decode(&text.tokens).contains("国家</s>权力"));
}

#[test]
fn a_chat_template_of_hugging_face_is_read_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path: PathBuf = folder.path().join("chat.jinja");
    // Llama 2's form, with the methods of Python that such templates call.
    let source = "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'].strip() + ' [/INST]' }}\
                  {% elif message['role'] == 'assistant' %}{{ ' ' + message['content'].strip() + ' ' + eos_token }}\
                  {% else %}{{ raise_exception('unknown role') }}{% endif %}{% endfor %}";
    fs_err::write(&path, source).expect("written");
    let text = rendered(path.to_str().expect("UTF-8"), &record(&[], " 国家 ", "", "权力 "), false);
    assert_eq!(text, "<s> [INST] 国家 [/INST][ 权力 </s>]");

    // A tool's form, as newer models have it: what is not there is none; loops are left, values shown as JSON.
    let source = "{% if tools is not none or documents is not none %}{{ raise_exception('tools') }}{% endif %}\
                  {% for message in messages %}{% if loop.index > 2 %}{% break %}{% endif %}{{ message.content | tojson }}{% endfor %}";
    fs_err::write(&path, source).expect("written");
    let text = rendered(path.to_str().expect("UTF-8"), &record(&[], "国家", "", "权力"), false);
    assert_eq!(text, " \"国家\"[\"权力\"</s>]");

    fs_err::write(&path, "{% for %}").expect("written");
    let error = Template::open(path.to_str().expect("UTF-8")).err().expect("no template").to_string();
    assert!(error.contains("chat.jinja: not a Jinja template"), "{error}");
    // One that counts messages says something else about the first once there is a second.
    fs_err::write(&path, "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}").expect("written");
    let template = Template::open(path.to_str().expect("UTF-8")).expect("a template");
    let error = template.tokens(&record(&[], "a", "", "b"), &tokenizer(), false, &mut Scratch::default()).unwrap_err();
    assert!(error.to_string().contains("renders the start of a conversation differently"), "{error}");
}

#[test]
fn a_prompt_for_generation_is_the_start_of_what_was_learned() {
    let tokenizer = tokenizer();
    let template = Template::open("law").expect("a template");
    let whole = record(&[("甲", "乙")], "国家", "", "权力");
    let prompt = template.prompt(&whole, &tokenizer).expect("rendered");
    let text = template.tokens(&whole, &tokenizer, false, &mut Scratch::default()).expect("rendered");
    assert!(text.tokens.starts_with(&prompt) && text.targets[prompt.len() - 1] != NO_TARGET);
}
