//! Subjects: the first line is a pattern, every other one a subject or a narrower pattern.

use holm_registry::subject::{Subject, SubjectPattern};

/// A pattern means what its words say, and covers what it should.
pub fn run(data: &[u8]) {
    let Some((wide, rest)) = crate::text(data).and_then(|text| text.split_once('\n')) else { return };
    let Ok(wide) = wide.parse::<SubjectPattern>() else { return };
    crate::reads_itself(&wide);
    crate::survives_json(&wide);
    let subjects: Vec<Subject> = rest.lines().filter_map(|line| line.parse().ok()).collect();
    for subject in &subjects {
        crate::reads_itself(subject);
        let pattern: Vec<&str> = wide.as_str().split('.').collect();
        let name: Vec<&str> = subject.as_str().split('.').collect();
        assert_eq!(wide.matches(subject), means(&pattern, &name), "{wide} {subject}");
    }
    for narrow in rest.lines().filter_map(|line| line.parse::<SubjectPattern>().ok()) {
        let escapes = subjects.iter().find(|subject| narrow.matches(subject) && !wide.matches(subject));
        assert!(!wide.covers(&narrow) || escapes.is_none(), "{wide} covers {narrow}, but not {escapes:?}");
    }
}

/// The meaning of the words, written down as directly as possible.
fn means(pattern: &[&str], subject: &[&str]) -> bool {
    match (pattern, subject) {
        ([">"], rest) => !rest.is_empty(),
        (["*", pattern @ ..], [_, subject @ ..]) => means(pattern, subject),
        ([token, pattern @ ..], [other, subject @ ..]) => token == other && means(pattern, subject),
        (pattern, subject) => pattern.is_empty() && subject.is_empty(),
    }
}
