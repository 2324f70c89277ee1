//! What is wrong with a manifest, and where.

use std::fmt;
use std::ops::Range;

/// One problem. `message` says what is wrong and why, `help` what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// One line.
    pub message: String,
    /// One line.
    pub help: Option<String>,
    /// Bytes of the source.
    pub span: Option<Range<usize>>,
    /// Line of the span's begin, counted from one.
    pub line: usize,
    /// Column of the span's begin in characters, counted from one.
    pub column: usize,
}

/// All problems of one manifest, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    /// What the user calls the manifest: a path.
    pub source_name: String,
    /// Its text.
    pub source: String,
    /// At least one.
    pub items: Vec<Diagnostic>,
}

impl Diagnostic {
    pub(super) fn new(source: &str, span: Range<usize>, message: String, help: String) -> Self {
        let (line, column) = position(source, span.start);
        Self { message, help: Some(help), span: Some(span), line, column }
    }
}

/// Line and column of a byte, both from one, the column in characters.
pub(super) fn position(source: &str, offset: usize) -> (usize, usize) {
    let before = source.get(..offset).unwrap_or(source);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

impl Diagnostics {
    /// Sorted by place. What was found twice is kept once: a bad default is found again in every
    /// service that takes it over.
    pub(super) fn new(source_name: &str, source: &str, mut items: Vec<Diagnostic>) -> Self {
        items.sort_by_key(|item| item.span.as_ref().map(|span| span.start));
        let mut kept: Vec<Diagnostic> = Vec::with_capacity(items.len());
        for item in items {
            if !kept.contains(&item) {
                kept.push(item);
            }
        }
        Self { source_name: source_name.to_owned(), source: source.to_owned(), items: kept }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.items.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{}:{}: {}", self.source_name, item.line, item.column, item.message)?;
            if let Some(help) = &item.help {
                write!(f, "\n  help: {help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_counts_bytes() {
        let source = "a = 1\nö = 2\n";
        assert_eq!(position(source, 0), (1, 1));
        assert_eq!(position(source, 6), (2, 1));
        assert_eq!(position(source, 9), (2, 3));
        assert_eq!(position(source, source.len()), (3, 1));
        assert_eq!(position(source, 7), (3, 1), "inside a character, which no span begins in");
    }

    #[test]
    fn problems_come_in_another_order_than_the_text() {
        let source = "a = 1\nb = 2\n";
        let problem =
            |at: usize, text: &str| Diagnostic::new(source, at..at + 1, text.to_owned(), "mend it".to_owned());
        let all =
            Diagnostics::new("holm.toml", source, vec![problem(6, "bad b"), problem(0, "bad a"), problem(6, "bad b")]);
        assert_eq!(all.to_string(), "holm.toml:1:1: bad a\n  help: mend it\nholm.toml:2:1: bad b\n  help: mend it");
    }
}
