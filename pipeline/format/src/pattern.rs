//! Defines a regular expression as a static, compiled at its first use.

#[doc(hidden)]
pub use regex::Regex;

/// `pattern!(NAME, r"…")` declares `NAME`; a pattern that is none is a defect.
#[macro_export]
macro_rules! pattern {
    ($name:ident, $regex:expr) => {
        static $name: std::sync::LazyLock<$crate::pattern::Regex> = std::sync::LazyLock::new(|| {
            $crate::pattern::Regex::new($regex).unwrap_or_else(|e| unreachable!("{}: {e}", stringify!($name)))
        });
    };
}
