//! Defines what can become of a raw document: kept, or dropped by a stage for a reason.

/// Declares the reasons with the stage that gives each.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $stage:literal $name:literal,)+) => {
        /// Why a document is not in the corpus.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Reason { $($(#[$doc])* $variant,)+ }

        impl Reason {
            /// Every reason, in the order of the stages.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in `dropped.reason`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The name in `dropped.stage`.
            pub const fn stage(self) -> &'static str {
                match self { $(Self::$variant => $stage),+ }
            }
        }
    };
}

reasons! {
    /// The file cannot be opened or read.
    Unreadable = "read" "unreadable",
    /// The file is not the one the manifest describes.
    ChecksumMismatch = "read" "checksum_mismatch",
    /// The file or record holds nothing.
    Empty = "read" "empty",
    /// The file or record is over the size limit.
    TooLarge = "read" "too_large",
    /// The bytes are not text.
    Binary = "read" "binary",
    /// The bytes are text in no encoding we know.
    Undecodable = "read" "undecodable",
    /// A compressed file or archive is truncated or damaged.
    DamagedArchive = "read" "damaged_archive",
    /// An archive's member would lie outside the archive.
    UnsafePath = "read" "unsafe_path",
    /// An archive unpacks to more than the limit.
    ArchiveBomb = "read" "archive_bomb",
    /// A record is not JSON.
    MalformedJson = "read" "malformed_json",
    /// The content has none of the forms we read.
    UnknownForm = "read" "unknown_form",
    /// A record of a known form lacks what makes it one.
    Incomplete = "read" "incomplete",
    /// A notice that the court does not publish the document.
    Withheld = "segment" "withheld",
    /// A statute or judgment with a title and nothing else.
    NoBody = "segment" "no_body",
    /// Fewer characters than the profile asks for.
    TooShort = "filter" "too_short",
    /// A smaller share of Han characters.
    FewHan = "filter" "few_han",
    /// Too many characters were lost.
    LostCharacters = "filter" "lost_characters",
    /// Too many characters are masked.
    MostlyMasked = "filter" "mostly_masked",
    /// Too many repeated lines.
    RepeatedLines = "filter" "repeated_lines",
    /// Too many repeated shingles.
    RepeatedShingles = "filter" "repeated_shingles",
    /// An earlier document of the source has the same id.
    DuplicateId = "dedup" "duplicate_id",
    /// The same text as an earlier document, punctuation and spaces aside.
    ExactDuplicate = "dedup" "exact_duplicate",
    /// Nearly the same text as another document of the same instrument.
    NearDuplicate = "dedup" "near_duplicate",
}

/// A document or file that goes no further, before it has a row of its own.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// Line of the record in its file, from 1.
    pub record: Option<u32>,
    /// Why.
    pub reason: Reason,
    /// The measured value and the limit, or what was wrong and where.
    pub detail: String,
    /// The first characters, where there is text.
    pub excerpt: Option<String>,
}

impl Rejection {
    /// A rejection of a whole file.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { record: None, reason, detail: detail.into(), excerpt: None }
    }

    /// The same, of one record of the file.
    #[must_use]
    pub fn at(self, record: u32) -> Self {
        Self { record: Some(record), ..self }
    }
}
