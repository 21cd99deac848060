//! Defines what of a corpus can be given and cited: the articles of every law in its newest version.

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{Date32Type, UInt16Type, UInt32Type},
};
use corpus_format::{
    Corpus, Position, Selection, Table,
    citation::{self, Citation},
    law_name::{self, Name, Names},
};
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::config::ArticlesConfig;
use crate::error::{Error, Result};

/// An article that a request gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its id.
    pub id: String,
    /// The title of its law.
    pub law: String,
    /// 第二百六十四条.
    pub label: String,
    /// What it says.
    pub text: String,
}

/// A version of a law, or one of the files that make it up.
struct Version {
    title: String,
    key: u64,
    date: Option<i32>,
    is_repealed: bool,
    is_in_split: bool,
}

/// An article that could be given: its version, and where it stands there.
struct Place {
    version: u32,
    ordinal: u32,
    fits: bool,
}

/// The laws of a corpus.
#[derive(Default)]
pub struct Laws {
    versions: Vec<Version>,
    by_id: FxHashMap<String, u32>,
    names: Names,
    /// The files of the newest version of each law, by the key of its name.
    newest: FxHashMap<u64, Vec<u32>>,
    /// Paragraphs of each article: version, base, inserted or 0.
    paragraphs: FxHashMap<(u32, u16, u16), u16>,
    places: Vec<Place>,
}

impl Laws {
    /// Read the articles of `corpus`, without keeping their texts.
    ///
    /// # Errors
    /// A shard that cannot be read.
    pub fn read(corpus: &Corpus, config: &ArticlesConfig) -> Result<Self> {
        let mut laws = Self::default();
        let columns = [
            "document_id",
            "law",
            "version_date",
            "base",
            "inserted",
            "ordinal",
            "num_chars",
            "text",
            "in_force_to",
            "split",
        ];
        for batch in corpus.read(Table::Articles, &selection(&columns), 4096, Position::default())? {
            laws.add(&batch?.1, config).ok_or_else(|| Error::lacking(Table::Articles))?;
        }
        laws.find_newest();
        Ok(laws)
    }

    fn add(&mut self, batch: &RecordBatch, config: &ArticlesConfig) -> Option<()> {
        let text = |name: &str| Some(batch.column_by_name(name)?.as_string::<i32>());
        let day = |name: &str| Some(batch.column_by_name(name)?.as_primitive::<Date32Type>());
        let number = |name: &str| Some(batch.column_by_name(name)?.as_primitive::<UInt16Type>());
        let count = |name: &str| Some(batch.column_by_name(name)?.as_primitive::<UInt32Type>());
        let (documents, laws, texts, splits) = (text("document_id")?, text("law")?, text("text")?, text("split")?);
        let (dates, ends) = (day("version_date")?, day("in_force_to")?);
        let (base, inserted) = (number("base")?, number("inserted")?);
        let (ordinals, chars) = (count("ordinal")?, count("num_chars")?);
        for row in 0..batch.num_rows() {
            let next = u32::try_from(self.versions.len()).ok()?;
            let version = *self.by_id.entry(documents.value(row).to_owned()).or_insert(next);
            if version == next {
                self.versions.push(Version {
                    title: laws.value(row).to_owned(),
                    key: self.names.add(laws.value(row)),
                    date: dates.is_valid(row).then(|| dates.value(row)),
                    is_repealed: ends.is_valid(row),
                    is_in_split: splits.value(row) == config.split.as_str(),
                });
            }
            let inserted = if inserted.is_valid(row) { inserted.value(row) } else { 0 };
            let paragraphs = u16::try_from(citation::num_paragraphs(texts.value(row))).unwrap_or(u16::MAX);
            let most = self.paragraphs.entry((version, base.value(row), inserted)).or_default();
            *most = paragraphs.max(*most);
            let fits = (config.min_chars..=config.max_chars).contains(&chars.value(row));
            self.places.push(Place { version, ordinal: ordinals.value(row), fits });
        }
        Some(())
    }

    fn find_newest(&mut self) {
        let mut dates: FxHashMap<u64, Option<i32>> = FxHashMap::default();
        for version in &self.versions {
            let date = dates.entry(version.key).or_default();
            *date = version.date.max(*date);
        }
        for (at, version) in (0..).zip(&self.versions) {
            if dates[&version.key] == version.date {
                self.newest.entry(version.key).or_default().push(at);
            }
        }
    }

    /// The articles of each request, drawn by the seed from laws that are in force; fewer groups where there are not
    /// as many.
    ///
    /// # Errors
    /// A shard that cannot be read, or no article to choose from.
    pub fn groups(&self, corpus: &Corpus, config: &ArticlesConfig) -> Result<Vec<Vec<Given>>> {
        let named: FxHashSet<u64> = config.laws.iter().map(|law| law_name::key(law)).collect();
        let is_wanted = |at: u32| {
            let version = &self.versions[at as usize];
            let is_newest = self.newest.get(&version.key).is_some_and(|files| files.contains(&at));
            let is_named = named.is_empty() || named.contains(&version.key);
            is_newest && is_named && version.is_in_split && !version.is_repealed
        };
        // Groups lie side by side in a law, so that no article is given twice.
        let mut places: Vec<&Place> =
            self.places.iter().filter(|place| place.fits && is_wanted(place.version)).collect();
        places.sort_by_key(|place| (&self.versions[place.version as usize].title, place.version, place.ordinal));
        let mut groups: Vec<&[&Place]> =
            places.chunk_by(|a, b| a.version == b.version).flat_map(|law| law.chunks(config.per_group)).collect();
        if groups.is_empty() {
            let what = "no article of a law in force fits [articles]".to_owned();
            return Err(Error::Invalid { path: corpus.dir().to_owned(), what });
        }
        groups.sort_by_cached_key(|group| {
            let first = group[0];
            let key = self.versions[first.version as usize].key;
            (
                xxh3_64_with_seed(&[key, u64::from(first.ordinal)].map(u64::to_le_bytes).concat(), config.seed),
                first.version,
            )
        });
        groups.truncate(config.groups);
        self.texts(corpus, &groups)
    }

    /// The articles of the groups with their texts.
    fn texts(&self, corpus: &Corpus, groups: &[&[&Place]]) -> Result<Vec<Vec<Given>>> {
        let places = groups.iter().flat_map(|group| group.iter());
        let wanted: FxHashSet<(u32, u32)> = places.map(|place| (place.version, place.ordinal)).collect();
        let mut found: FxHashMap<(u32, u32), Given> = FxHashMap::default();
        let columns = ["id", "document_id", "law", "label", "ordinal", "text"];
        for batch in corpus.read(Table::Articles, &selection(&columns), 4096, Position::default())? {
            let (_, batch) = batch?;
            let column = |name: &str| batch.column_by_name(name).map(|c| c.as_string::<i32>());
            let ordinals = batch.column_by_name("ordinal").map(|c| c.as_primitive::<UInt32Type>());
            for row in 0..batch.num_rows() {
                let value = |name: &str| column(name).map_or("", |column| column.value(row)).to_owned();
                let ordinal = ordinals.map_or(0, |column| column.value(row));
                let Some(version) = self.by_id.get(&value("document_id")) else { continue };
                if wanted.contains(&(*version, ordinal)) {
                    let given =
                        Given { id: value("id"), law: value("law"), label: value("label"), text: value("text") };
                    found.insert((*version, ordinal), given);
                }
            }
        }
        let given = |place: &&Place| found.get(&(place.version, place.ordinal)).cloned();
        Ok(groups.iter().map(|group| group.iter().filter_map(given).collect()).collect())
    }

    /// Why a citation cannot be right; `None` where the law is in force and its newest version has article and paragraph.
    pub fn fault(&self, citation: &Citation) -> Option<String> {
        let shown = format!("《{}》 article {}", citation.title, citation.article);
        let Some(files) = self.files(&citation.title) else {
            return Some(format!("{shown}: the corpus has no such law"));
        };
        if files.iter().all(|file| self.versions[*file as usize].is_repealed) {
            return Some(format!("{shown}: the law is repealed"));
        }
        let number = (citation.article.base, citation.article.inserted.unwrap_or(0));
        let paragraphs = files.iter().filter_map(|file| self.paragraphs.get(&(*file, number.0, number.1))).max();
        match (paragraphs, citation.paragraph) {
            (None, _) => Some(format!("{shown}: the law has no such article")),
            (Some(most), Some(paragraph)) if paragraph > *most => {
                Some(format!("{shown} paragraph {paragraph}: the article has {most}"))
            }
            _ => None,
        }
    }

    /// Whether a citation means an article that was given.
    pub fn is_of(&self, citation: &Citation, id: &str) -> bool {
        let Some((document, number)) = id.rsplit_once('#') else { return false };
        let file = self.by_id.get(document);
        number == citation.article.to_string()
            && self.files(&citation.title).is_some_and(|files| file.is_some_and(|file| files.contains(file)))
    }

    fn files(&self, title: &str) -> Option<&[u32]> {
        self.newest.get(&self.names.find(Name::of(title))?).map(Vec::as_slice)
    }
}

fn selection(columns: &[&str]) -> Selection {
    Selection { columns: columns.iter().map(|name| (*name).to_owned()).collect(), ..Selection::default() }
}
