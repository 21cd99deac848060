//! Defines the records from court documents: facts asked, the court's own words answered.

use arrow::array::RecordBatch;
use corpus_format::{
    Table,
    legal::{DocumentType, Instance, InstructionKind, Kind, Section, Split},
};

use super::{
    Draw, Record, Records, bare,
    case::{Bases, Case, Cases},
    conclusion, focus,
};
use crate::{
    config::InstructConfig,
    error::{Error, Result},
};

const CHARGE: [&str; 3] = [
    "根据下面的案件事实，被告人的行为构成什么罪？请先说明理由，最后一行以“罪名：”开头写出罪名。",
    "请分析以下事实并认定罪名。先写理由，最后另起一行写“罪名：”和罪名。",
    "阅读案件事实，论述应当如何定罪，并在末行以“罪名：”给出结论。",
];
const ARTICLE: [&str; 3] = [
    "根据下面的案件事实，应当适用哪些法律条文？请先说明理由，最后一行以“依据：”开头列出条文。",
    "请根据以下事实说明裁判理由，并在最后另起一行以“依据：”写明所适用的法律条款。",
    "阅读案件事实，论述应当如何裁判，并在末行以“依据：”列出法律名称和条号。",
];
const TERM: [&str; 3] = [
    "根据下面的案件事实，对被告人应当如何量刑？请先说明理由，最后一行以“刑期：”开头写出判处的刑罚。",
    "请分析以下事实中的量刑情节，并在最后另起一行以“刑期：”写出刑罚。",
    "阅读案件事实，论述应当判处什么刑罚，并在末行以“刑期：”给出结论。",
];
const FOCUS: [&str; 3] = [
    "根据下面的案件事实，归纳本案的争议焦点。",
    "以下案件中双方争议的焦点是什么？",
    "阅读案件事实和双方的主张，写出本案的争议焦点。",
];
const DRAFT: [&str; 3] = [
    "根据下面的案件事实，起草裁判文书的理由、裁判依据和主文。",
    "请根据以下事实，从“本院认为”写起，写出裁判理由和裁判结果。",
    "你是法官，请就以下案件事实撰写裁判文书的说理部分和判项。",
];
const SUMMARY: [&str; 3] = [
    "根据下面的事实和理由，写出裁判结果。",
    "以下是一份裁判文书的事实和理由部分，请写出裁判主文。",
    "阅读案件的事实和法院的理由，裁判结果是什么？",
];

/// A question with its answer, and the article it rests on.
struct Asked<'a> {
    wordings: &'static [&'static str],
    input: String,
    output: String,
    article: Option<&'a str>,
}

/// The records from the court documents among `documents` for which `split_of` gives a split: for each of
/// the kinds the rows, and of each the row of its document. `first_row` is the row in the unit of the first document.
///
/// # Errors
/// Documents without a column that the schema has: a defect.
pub fn derive(
    documents: &RecordBatch,
    first_row: u32,
    bases: &Bases,
    split_of: impl Fn(usize) -> Option<Split>,
    config: &InstructConfig,
) -> Result<Vec<(RecordBatch, Vec<usize>)>> {
    let lacking = || Error::lacking(Table::Documents);
    let cases = Cases::of(documents, first_row, bases).ok_or_else(lacking)?;
    let kinds = InstructionKind::derived_from(Kind::Judgment);
    let mut records: Vec<Records> = kinds.iter().map(|_| Records::default()).collect();
    for row in 0..documents.num_rows() {
        let Some(split) = split_of(row) else { continue };
        let case = cases.case(row).ok_or_else(lacking)?;
        if case.masked_fraction > config.max_masked_fraction {
            continue;
        }
        for (kind, records) in kinds.iter().zip(&mut records) {
            let Some(draw) = Draw::new(*kind, case.id, config) else { continue };
            let Some(asked) = asked(*kind, &case, config).filter(|asked| asked.fits(config)) else { continue };
            records.push(row, &asked.record(*kind, &case, draw, split));
        }
    }
    records.into_iter().map(Records::finish).collect()
}

impl Asked<'_> {
    fn fits(&self, config: &InstructConfig) -> bool {
        let chars = |text: &str| text.chars().count();
        chars(&self.input) >= config.case_min_chars as usize
            && chars(&self.input) + chars(&self.output) <= config.case_max_chars as usize
    }

    fn record<'a>(&'a self, kind: InstructionKind, case: &'a Case<'_>, draw: Draw, split: Split) -> Record<'a> {
        Record {
            kind,
            from: case.id,
            source: case.source,
            document_id: case.id,
            article: self.article,
            instruction: draw.pick(self.wordings),
            input: &self.input,
            output: &self.output,
            split,
        }
    }
}

fn asked<'a>(kind: InstructionKind, case: &'a Case<'_>, config: &InstructConfig) -> Option<Asked<'a>> {
    match kind {
        InstructionKind::ChargePrediction => prediction(case, &CHARGE, &charge(case)?, config),
        InstructionKind::ArticlePrediction => {
            let line = conclusion::articles(case.basis)?;
            let article = case.basis.iter().find_map(|basis| basis.article_id.as_deref());
            Some(Asked { article, ..prediction(case, &ARTICLE, &line, config)? })
        }
        InstructionKind::TermPrediction => prediction(case, &TERM, &term(case)?, config),
        InstructionKind::DisputeFocus => dispute(case),
        InstructionKind::JudgmentDrafting => draft(case, config),
        InstructionKind::JudgmentSummary => summary(case),
        _ => None,
    }
}

/// Bare facts asked; the court's reasoning and the `conclusion` answered. Appeals tell of the first judgment.
fn prediction(
    case: &Case<'_>,
    wordings: &'static [&'static str],
    conclusion: &str,
    config: &InstructConfig,
) -> Option<Asked<'static>> {
    if case.document_type != DocumentType::Judgment || case.instance != Some(Instance::First) {
        return None;
    }
    let input = bare::bare(case.part(Section::Facts, Section::Facts)?, &case.charges)?;
    let reasoning = long_enough(case.reasoning()?, config)?;
    Some(Asked { wordings, input, output: format!("{}\n{conclusion}", ended(reasoning)), article: None })
}

/// Where the accused is acquitted, the charges are those of the prosecution.
fn charge(case: &Case<'_>) -> Option<String> {
    let decided = case.part(Section::Disposition, Section::Disposition)?;
    let is_found = case.charges.iter().all(|charge| decided.contains(charge.trim_end_matches('罪')));
    conclusion::charges(&case.charges).filter(|_| is_found && case.is_criminal())
}

/// With several accused nothing says whose sentence is whose.
fn term(case: &Case<'_>) -> Option<String> {
    match case.sentences.as_slice() {
        [sentence] if case.num_accused == Some(1) => conclusion::term(sentence),
        _ => None,
    }
}

/// Facts up to where the focus is stated; the focus answered.
fn dispute(case: &Case<'_>) -> Option<Asked<'static>> {
    let facts = decided(case).filter(|case| case.is_civil())?.part(Section::Facts, Section::Facts)?;
    let (facts, focus) = match focus::focus(facts) {
        Some(focus) => (&facts[..focus.start], focus),
        None => (facts, focus::focus(case.part(Section::Reasoning, Section::Reasoning)?)?),
    };
    let output = format!("争议焦点：{}。", focus.text);
    Some(Asked { wordings: &FOCUS, input: facts.trim().to_owned(), output, article: None })
}

/// Facts asked; all from the reasoning to the operative part answered.
fn draft(case: &Case<'_>, config: &InstructConfig) -> Option<Asked<'static>> {
    let input = decided(case)?.part(Section::Facts, Section::Facts)?.to_owned();
    long_enough(case.reasoning()?, config)?;
    let output = case.part(Section::Reasoning, Section::Disposition)?.to_owned();
    Some(Asked { wordings: &DRAFT, input, output, article: None })
}

/// Facts and reasoning asked; the operative part answered.
fn summary(case: &Case<'_>) -> Option<Asked<'static>> {
    let facts = decided(case)?.part(Section::Facts, Section::Facts)?;
    let input = format!("{facts}\n{}", ended(case.reasoning()?));
    let output = case.part(Section::Disposition, Section::Disposition)?.to_owned();
    Some(Asked { wordings: &SUMMARY, input, output, article: None })
}

/// The case, where it is a judgment or a ruling.
fn decided<'a, 'b>(case: &'a Case<'b>) -> Option<&'a Case<'b>> {
    matches!(case.document_type, DocumentType::Judgment | DocumentType::Ruling).then_some(case)
}

fn long_enough<'a>(text: &'a str, config: &InstructConfig) -> Option<&'a str> {
    (text.chars().count() >= config.case_min_chars as usize).then_some(text)
}

/// A text that ends as a sentence does.
fn ended(text: &str) -> String {
    format!("{}。", text.trim_end_matches(['。', '，', ',', '：', ':', '；', ' ', '\n']))
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use corpus_format::legal::{PartyKind, Penalty};

    use super::*;
    use crate::{
        enrich::case::{CaseFacts, Party, Sentence},
        segment::judgment,
        work::rows::{DocumentRow, Documents, Origin},
    };

    const FACTS: &str = "公诉机关指控，被告人张某在某市某区多家超市内先后五次趁人不备盗窃手机五部，共计价值人民币12000元，赃款用于日常开支。\
                         案发后张某退赔全部损失，取得被害人谅解。公诉机关认为应当以盗窃罪追究其刑事责任。";

    fn judgment(accused: usize) -> DocumentRow {
        let text = format!(
            "某市某区人民法院\n刑事判决书\n（2017）沪01刑初1号\n被告人张某，男。本案现已审理终结。\n{FACTS}\n\
             本院认为，被告人张某以非法占有为目的，多次秘密窃取他人财物，数额较大，其行为已构成盗窃罪，公诉机关指控的罪名成立，\
             被告人退赔损失并取得谅解，可以从轻处罚。依照《中华人民共和国刑法》第二百六十四条之规定，判决如下：\n\
             被告人张某犯盗窃罪，判处有期徒刑六个月，缓刑一年，并处罚金人民币一千元。\n如不服本判决，可上诉。"
        );
        let party = Party { role: "被告人".into(), kind: PartyKind::ALL[0], name: "张某".into() };
        let sentence = Sentence {
            penalty: Penalty::FixedTerm,
            months: Some(6),
            suspended_months: Some(12),
            fine_yuan: Some(1000),
        };
        DocumentRow {
            id: "court/1.txt".into(),
            kind: Kind::Judgment.as_str(),
            document_type: DocumentType::Judgment.as_str(),
            title: "刑事判决书".into(),
            case: CaseFacts {
                instance: Some(Instance::First),
                charges: vec!["盗窃罪".into()],
                parties: vec![party; accused],
                sentences: vec![sentence],
                ..CaseFacts::default()
            },
            sections: judgment::sections(&text),
            text,
            ..DocumentRow::default()
        }
    }

    /// Kind, input and output of every record.
    fn derived(row: &DocumentRow, config: &InstructConfig) -> Vec<[String; 3]> {
        let origin = Origin {
            source: "court",
            raw_path: "1.txt",
            raw_record: None,
            raw_bytes: None,
            raw_sha256: "",
            encoding: "",
        };
        let mut documents = Documents::default();
        documents.push(row, &origin, 0);
        let documents = documents.finish().expect("rows");
        let records = derive(&documents, 0, &Bases::default(), |_| Some(Split::Train), config).expect("records");
        let text = |rows: &RecordBatch, name: &str, i: usize| {
            rows.column_by_name(name).expect("a column").as_string::<i32>().value(i).to_owned()
        };
        let all = records.iter().flat_map(|(rows, _)| (0..rows.num_rows()).map(move |i| (rows, i)));
        all.map(|(rows, i)| ["kind", "input", "output"].map(|name| text(rows, name, i))).collect()
    }

    #[test]
    fn a_criminal_judgment_gives_charge_term_draft_and_summary() {
        let records = derived(&judgment(1), &InstructConfig::default());
        let kinds: Vec<&str> = records.iter().map(|record| record[0].as_str()).collect();
        assert_eq!(kinds, ["charge_prediction", "term_prediction", "judgment_drafting", "judgment_summary"]);
        for ([_, input, output], line) in
            records.iter().zip(["罪名：盗窃罪", "刑期：有期徒刑六个月，缓刑一年，并处罚金人民币1000元"])
        {
            assert!(input.starts_with("公诉机关指控") && !input.contains("盗窃罪"), "{input}");
            assert!(output.starts_with("本院认为，") && output.ends_with(&format!("条之规定。\n{line}")), "{output}");
        }
        let [_, input, output] = &records[2];
        assert!(input == FACTS && output.ends_with("罚金人民币一千元。"), "{output}");
        let [_, input, output] = &records[3];
        assert!(input.ends_with("条之规定。") && output.starts_with("被告人张某犯盗窃罪"), "{input}");
    }

    #[test]
    fn what_is_not_known_not_told_apart_too_long_or_masked_gives_no_record() {
        let kinds = |row: &DocumentRow, config: &InstructConfig| -> Vec<String> {
            derived(row, config).into_iter().map(|[kind, ..]| kind).collect()
        };
        let config = InstructConfig::default();
        let without = ["charge_prediction", "judgment_drafting", "judgment_summary"];
        assert_eq!(kinds(&judgment(2), &config), without, "one sentence, two accused");
        let mut row = judgment(1);
        row.case = CaseFacts { instance: Some(Instance::First), ..CaseFacts::default() };
        assert_eq!(kinds(&row, &config), ["judgment_drafting", "judgment_summary"], "no charge, no sentence");
        row.signals.masked_fraction = 0.5;
        assert!(kinds(&row, &config).is_empty(), "masked");
        let short = InstructConfig { case_max_chars: 100, ..InstructConfig::default() };
        assert!(kinds(&judgment(1), &short).is_empty(), "too long");
        let none = InstructConfig { charge_prediction_fraction: 0.0, ..InstructConfig::default() };
        assert!(!kinds(&judgment(1), &none).contains(&"charge_prediction".to_owned()));
    }
}
