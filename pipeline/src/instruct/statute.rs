//! Defines the records from articles: recite one, find one, say whether one is in force.

use arrow::{
    array::{Array, AsArray, Date32Array, RecordBatch, StringArray},
    datatypes::{Date32Type, UInt32Type},
};
use corpus_format::{
    Table,
    legal::{InstructionKind, Split},
};

use super::{Draw, Record, Records, titled};
use crate::{
    config::InstructConfig,
    enrich::date,
    error::{Error, Result},
};

/// Questions for the text of an article; `{law}`, in brackets, and `{label}` are filled in.
const RECITE: [&str; 4] =
    ["{law}{label}的内容是什么？", "请写出{law}{label}的原文。", "{law}{label}是怎么规定的？", "请背诵{law}{label}。"];
/// Questions for the place of a text.
const LOOK_UP: [&str; 3] = [
    "下面的条文出自哪部法律的第几条？",
    "请指出以下规定的出处，写明法律名称和条号。",
    "这段规定是哪部法律哪一条的内容？",
];
/// Questions for the validity of an article; `{version}` too is filled in.
const IN_FORCE: [&str; 3] = [
    "{law}{version}{label}是否有效？请引用条文回答。",
    "{law}{version}{label}从什么时候起施行，现在还有效吗？请附上条文。",
    "请说明{law}{version}{label}的效力，并写出它的内容。",
];

/// Words in the name of a statute that is not meant to last.
const ON_TRIAL: [&str; 3] = ["试行", "暂行", "临时"];

/// The columns of `articles` that records are made of.
struct Articles {
    id: StringArray,
    document_id: StringArray,
    law: StringArray,
    label: StringArray,
    text: StringArray,
    chapter: StringArray,
    source: StringArray,
    num_chars: arrow::array::UInt32Array,
    version_date: Date32Array,
    in_force: [Date32Array; 2],
}

impl Articles {
    fn of(batch: &RecordBatch) -> Option<Self> {
        let text = |name: &str| Some(batch.column_by_name(name)?.as_string::<i32>().clone());
        let day = |name: &str| Some(batch.column_by_name(name)?.as_primitive::<Date32Type>().clone());
        Some(Self {
            id: text("id")?,
            document_id: text("document_id")?,
            law: text("law")?,
            label: text("label")?,
            text: text("text")?,
            chapter: text("chapter")?,
            source: text("source")?,
            num_chars: batch.column_by_name("num_chars")?.as_primitive::<UInt32Type>().clone(),
            version_date: day("version_date")?,
            in_force: [day("in_force_from")?, day("in_force_to")?],
        })
    }

    /// First day on which the version is in force, and the day from which it is not; `None` where that is not told.
    fn validity(&self, row: usize) -> Option<(i32, Option<i32>)> {
        let [from, to] = &self.in_force;
        from.is_valid(row).then(|| (from.value(row), to.is_valid(row).then(|| to.value(row))))
    }
}

/// The records of one kind from the rows of `articles` for which `split_of` gives a split, and for each its row.
///
/// # Errors
/// Articles without a column that the schema has: a defect.
pub fn derive(
    kind: InstructionKind,
    articles: &RecordBatch,
    split_of: impl Fn(usize) -> Option<Split>,
    config: &InstructConfig,
) -> Result<(RecordBatch, Vec<usize>)> {
    let columns = Articles::of(articles).ok_or_else(|| Error::lacking(Table::Articles))?;
    // The place of a short text is anybody's guess: this law shall come into force on …
    let is_lookup = kind == InstructionKind::ArticleLookup;
    let min_chars = if is_lookup { config.min_chars.max(config.lookup_min_chars) } else { config.min_chars };
    let mut records = Records::default();
    for row in 0..articles.num_rows() {
        let id = columns.id.value(row);
        let fits = (min_chars..=config.max_chars).contains(&columns.num_chars.value(row));
        let Some((draw, split)) = Draw::new(kind, id, config).filter(|_| fits).zip(split_of(row)) else { continue };
        let asked = match kind {
            InstructionKind::ArticleLookup => Some(lookup(&columns, row, draw)),
            InstructionKind::StatuteQuestion => question(&columns, row, draw),
            _ => Some(recitation(&columns, row, draw)),
        };
        let Some((instruction, output)) = asked else { continue };
        let record = Record {
            kind,
            from: id,
            source: columns.source.value(row),
            document_id: columns.document_id.value(row),
            article: Some(id),
            instruction: &instruction,
            input: if is_lookup { columns.text.value(row) } else { "" },
            output: &output,
            split,
        };
        records.push(row, &record);
    }
    records.finish()
}

fn recitation(articles: &Articles, row: usize, draw: Draw) -> (String, String) {
    let (law, label) = (titled(articles.law.value(row)), articles.label.value(row));
    let question = draw.pick(&RECITE).replace("{law}", &law).replace("{label}", label);
    (question, format!("{law}{label}规定：\n{}", articles.text.value(row)))
}

fn lookup(articles: &Articles, row: usize, draw: Draw) -> (String, String) {
    let chapter = &articles.chapter;
    let place = if chapter.is_null(row) { String::new() } else { format!("（{}）", chapter.value(row)) };
    let answer = format!("出自《{}》{}{place}。", articles.law.value(row), articles.label.value(row));
    (draw.pick(&LOOK_UP).to_owned(), answer)
}

/// A question after an article of a version that is no longer in force names the version.
fn question(articles: &Articles, row: usize, draw: Draw) -> Option<(String, String)> {
    let (from, to) = articles.validity(row)?;
    let (title, label, text) = (articles.law.value(row), articles.label.value(row), articles.text.value(row));
    // What is on trial gives way to a law of another name, which need not repeal it; and a version that was replaced
    // before it began never was in force.
    if to.map_or(ON_TRIAL.iter().any(|word| title.contains(word)), |to| to <= from) {
        return None;
    }
    let law = titled(title);
    let is_dated = to.is_some() && articles.version_date.is_valid(row);
    let version = if is_dated {
        format!("（{}的版本）", date::words(articles.version_date.value(row))?)
    } else {
        String::new()
    };
    let question = draw.pick(&IN_FORCE).replace("{law}", &law).replace("{version}", &version).replace("{label}", label);
    let from = date::words(from)?;
    let answer = match to {
        None => format!("有效。{law}{label}自{from}起施行，内容为：\n{text}"),
        Some(to) => {
            let to = date::words(to)?;
            format!("已失效。{law}{version}{label}自{from}起施行，{to}起不再有效，原内容为：\n{text}")
        }
    };
    Some((question, answer))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, new_null_array};
    use corpus_format::Table;

    use super::*;

    /// One article, in force from and until a day.
    fn article(from: Option<i32>, to: Option<i32>) -> RecordBatch {
        let schema = Table::Articles.schema();
        let column = |name: &str, data_type| -> ArrayRef {
            match name {
                "version_date" => Arc::new(Date32Array::from(vec![17_000])),
                "in_force_from" => Arc::new(Date32Array::from(vec![from])),
                "in_force_to" => Arc::new(Date32Array::from(vec![to])),
                "base" => Arc::new(arrow::array::UInt16Array::from(vec![1])),
                "ordinal" => Arc::new(arrow::array::UInt32Array::from(vec![0])),
                "num_chars" => Arc::new(arrow::array::UInt32Array::from(vec![50])),
                "chapter" => new_null_array(data_type, 1),
                "law" => Arc::new(StringArray::from(vec!["某法"])),
                "label" => Arc::new(StringArray::from(vec!["第一条"])),
                "text" => Arc::new(StringArray::from(vec!["为了…，制定本法。"])),
                _ if *data_type == arrow::datatypes::DataType::Utf8 => Arc::new(StringArray::from(vec![name])),
                _ => new_null_array(data_type, 1),
            }
        };
        let columns = schema.fields().iter().map(|field| column(field.name(), field.data_type())).collect();
        RecordBatch::try_new(schema, columns).expect("an article")
    }

    fn asked(kind: InstructionKind, articles: &RecordBatch) -> Option<[String; 3]> {
        let config =
            InstructConfig { statute_question_fraction: 1.0, lookup_fraction: 1.0, ..InstructConfig::default() };
        let (rows, taken) = derive(kind, articles, |_| Some(Split::Train), &config).expect("records");
        let text = |name: &str| rows.column_by_name(name).expect("a column").as_string::<i32>().value(0).to_owned();
        (!taken.is_empty()).then(|| ["instruction", "input", "output"].map(text))
    }

    #[test]
    fn an_article_is_recited_found_and_said_to_be_in_force() {
        let current = article(Some(18_000), None);
        let [question, _, answer] = asked(InstructionKind::ArticleRecitation, &current).expect("a record");
        assert!(question.contains("《某法》第一条") && answer == "《某法》第一条规定：\n为了…，制定本法。");
        let [_, input, answer] = asked(InstructionKind::ArticleLookup, &current).expect("a record");
        assert_eq!((input.as_str(), answer.as_str()), ("为了…，制定本法。", "出自《某法》第一条。"));
        let [question, _, answer] = asked(InstructionKind::StatuteQuestion, &current).expect("a record");
        assert!(question.contains("《某法》第一条"), "{question}");
        assert_eq!(answer, "有效。《某法》第一条自2019年4月14日起施行，内容为：\n为了…，制定本法。");
    }

    #[test]
    fn an_older_version_is_named_by_its_date_and_what_is_not_told_is_not_asked() {
        let [question, _, answer] =
            asked(InstructionKind::StatuteQuestion, &article(Some(18_000), Some(18_100))).expect("a record");
        assert!(question.contains("《某法》（2016年7月18日的版本）第一条"), "{question}");
        assert!(answer.starts_with("已失效。") && answer.contains("2019年7月23日起不再有效"), "{answer}");
        assert_eq!(asked(InstructionKind::StatuteQuestion, &article(None, None)), None);
        assert_eq!(asked(InstructionKind::StatuteQuestion, &article(Some(18_000), Some(18_000))), None);
    }
}
