//! Defines a manifest: where a source comes from, its licence, its checksums and its raw form.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    legal::Kind,
};

/// A source of raw documents, described in `data-manifests/<kind>/<source>.toml`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Short name; the first part of every document's id. Lower-case ASCII, digits and hyphens.
    pub name: String,
    /// One line that says what the source is.
    pub title: String,
    /// What it delivers.
    pub kind: Kind,
    /// Raw form of its files; where absent, each file is recognised by its content.
    #[serde(default)]
    pub form: Option<Form>,
    /// Where it was published: a URL, or a description where there is none.
    pub origin: String,
    /// Commit, version or date of the published state that this manifest describes.
    #[serde(default)]
    pub revision: Option<String>,
    /// What may be done with it.
    pub licence: Licence,
    /// What is known of personal data in it.
    pub personal_data: PersonalData,
    /// How to obtain the files; the program downloads nothing by itself.
    pub obtain: String,
    /// When the described state was retrieved, as YYYY-MM-DD.
    #[serde(default)]
    pub retrieved: Option<String>,
    /// Which files belong to it.
    pub files: Files,
}

/// The licence of a source.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// SPDX identifier, or `none stated`.
    pub name: String,
    /// Whether files may be passed on.
    pub redistributable: bool,
    /// Why, and under which conditions.
    pub note: String,
}

/// What is known of personal data in a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PersonalData {
    /// There is none.
    None,
    /// Masked as published.
    Masked,
    /// Present; keep what is derived from it private.
    Present,
}

/// The files of a source.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// File or folder, relative to the manifest's own folder. A configuration may override it.
    pub path: PathBuf,
    /// Globs below `path` that belong to the source; all files where empty.
    #[serde(default)]
    pub include: Vec<String>,
    /// Globs below `path` that do not.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// A checksum file below `path`, in the format of `sha256sum`; a file that differs is dropped.
    #[serde(default)]
    pub checksums: Option<PathBuf>,
    /// Files and bytes of the described state, for orientation.
    #[serde(default)]
    pub size: Option<Size>,
}

/// How large a source is.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// Number of files.
    pub files: u64,
    /// Their bytes together.
    pub bytes: u64,
}

/// A raw form that the pipeline can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A statute in Markdown: LawRefBook, VuePress pages, guiding cases.
    StatuteMarkdown,
    /// A statute as plain text, with or without a table of contents.
    StatuteText,
    /// Statutes, an article a line as a JSON object with `name` (中华人民共和国刑法第一条) and `text`.
    StatuteJsonl,
    /// A court document with `category: title: publictime: content:` header lines.
    SpcText,
    /// A court document as plain text.
    JudgmentText,
    /// Court documents as JSON objects: JuDGE, LeCaRDv2, CAIL, LaWGPT's `content`, `text`, or records of China Judgments
    /// Online with the page or its coded fields.
    JudgmentJsonl,
    /// A court document as an HTML page.
    WenshuPage,
    /// A court document as China Judgments Online delivered it from 2013 to 2018: a script with the page in a string.
    WenshuScript,
    /// Court documents as a crawler of China Judgments Online dumped them, between `<docid>`, `<major_text>`, ….
    WenshuDump,
    /// Instruction records, as a JSON array or a JSON object a line: Alpaca, LaWGPT, lawyer-llama.
    InstructionJson,
}

impl Form {
    /// The name in manifests and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StatuteMarkdown => "statute-markdown",
            Self::StatuteText => "statute-text",
            Self::StatuteJsonl => "statute-jsonl",
            Self::SpcText => "spc-text",
            Self::JudgmentText => "judgment-text",
            Self::JudgmentJsonl => "judgment-jsonl",
            Self::WenshuPage => "wenshu-page",
            Self::WenshuScript => "wenshu-script",
            Self::WenshuDump => "wenshu-dump",
            Self::InstructionJson => "instruction-json",
        }
    }
}

impl Manifest {
    /// Read and validate the manifest at `path`.
    ///
    /// # Errors
    /// An unreadable file, TOML that is not a manifest (with its line), or a field that makes no sense.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs_err::read_to_string(path)?;
        let manifest: Self = toml::from_str(&text)
            .map_err(|source| Error::BadManifest { path: path.to_owned(), source: Box::new(source) })?;
        manifest.validate().map_err(|what| Error::Invalid { path: path.to_owned(), what })?;
        Ok(manifest)
    }

    fn validate(&self) -> std::result::Result<(), String> {
        let name_ok = !self.name.is_empty()
            && self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !name_ok {
            return Err(format!("name `{}` must be lower-case ASCII letters, digits and hyphens", self.name));
        }
        for (field, text) in [("title", &self.title), ("origin", &self.origin), ("obtain", &self.obtain)] {
            if text.trim().is_empty() {
                return Err(format!("`{field}` is empty"));
            }
        }
        if let Some(date) = &self.retrieved
            && !is_iso_date(date)
        {
            return Err(format!("retrieved `{date}` is not a date of the form YYYY-MM-DD"));
        }
        let form_kind = self.form.map(|f| match f {
            Form::StatuteMarkdown | Form::StatuteText | Form::StatuteJsonl => Kind::Statute,
            Form::SpcText
            | Form::JudgmentText
            | Form::JudgmentJsonl
            | Form::WenshuPage
            | Form::WenshuScript
            | Form::WenshuDump => Kind::Judgment,
            Form::InstructionJson => Kind::Instruction,
        });
        if let (Some(form), Some(kind)) = (self.form, form_kind)
            && kind != self.kind
        {
            return Err(format!("form `{}` delivers {kind} documents, not {}", form.as_str(), self.kind));
        }
        Ok(())
    }

    /// The JSON Schema of a manifest, as it lies beside the manifests.
    pub fn json_schema() -> String {
        let schema = schemars::schema_for!(Self);
        let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
        text.push('\n');
        text
    }
}

fn is_iso_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| bytes[range].iter().all(u8::is_ascii_digit);
    bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-' && digits(0..4) && digits(5..7) && digits(8..10)
}

/// Read a checksum file in the format of `sha256sum`: path → lower-case hex digest.
///
/// # Errors
/// An unreadable file, or a line that is not `<64 hex digits>  <path>`, named by its number.
pub fn read_checksums(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = fs_err::read_to_string(path)?;
    let mut sums = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let parsed = line.split_once(' ').map(|(sum, file)| (sum, file.trim_start_matches([' ', '*'])));
        match parsed {
            Some((sum, file)) if sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()) => {
                sums.insert(file.trim_start_matches("./").to_owned(), sum.to_ascii_lowercase());
            }
            _ => {
                let what = format!("line {}: not `<sha256>  <path>`", number + 1);
                return Err(Error::Invalid { path: path.to_owned(), what });
            }
        }
    }
    Ok(sums)
}
