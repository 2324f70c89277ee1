//! Which subjects a stream takes, so that none is missing and none stands there twice (pure).

use holm_registry::subject::SubjectPattern;

/// Whether a stream can be made to take a pattern: with a wildcard at its begin it would take replies and the
/// server's own messages, too.
pub fn can_be_taken(pattern: &SubjectPattern) -> bool {
    !pattern.as_str().starts_with(['*', '>'])
}

/// Whether some subject is of both.
pub fn overlap(one: &SubjectPattern, other: &SubjectPattern) -> bool {
    let (mut one, mut other) = (one.as_str().split('.'), other.as_str().split('.'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(">"), Some(_)) | (Some(_), Some(">")) => return true,
            (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
            _ => return false,
        }
    }
}

/// Patterns that take what all of these take, without overlaps: a server takes no stream with them. Where two
/// overlap and neither covers the other, one wider pattern stands for both.
pub fn union(patterns: impl IntoIterator<Item = SubjectPattern>) -> Vec<SubjectPattern> {
    let mut union: Vec<SubjectPattern> = Vec::new();
    for pattern in patterns {
        add(&mut union, pattern);
    }
    union.sort();
    union
}

fn add(union: &mut Vec<SubjectPattern>, pattern: SubjectPattern) {
    let mut wide = pattern;
    while let Some(at) = union.iter().position(|other| overlap(other, &wide)) {
        let other = union.swap_remove(at);
        wide = join(&other, wide);
    }
    union.push(wide);
}

/// One pattern that covers two.
fn join(one: &SubjectPattern, other: SubjectPattern) -> SubjectPattern {
    if one.covers(&other) {
        return one.clone();
    }
    if other.covers(one) {
        return other;
    }
    let mut tokens = Vec::new();
    for (a, b) in one.as_str().split('.').zip(other.as_str().split('.')) {
        match (a, b) {
            (">", _) | (_, ">") => {
                tokens.push(">");
                break;
            }
            (a, b) if a == b => tokens.push(a),
            _ => tokens.push("*"),
        }
    }
    // no longer than the longer one, and of its tokens
    tokens.join(".").parse().unwrap_or(other)
}

#[cfg(test)]
mod tests {
    use holm_registry::subject::Subject;
    use proptest::prelude::*;

    use super::*;

    fn patterns(texts: &[&str]) -> Vec<SubjectPattern> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_stream_is_made_with_subjects_that_overlap() {
        for (given, expected) in [
            (vec!["orders.created", "orders.*"], vec!["orders.*"]),
            (vec!["orders.*", "orders.created", "stock.>"], vec!["orders.*", "stock.>"]),
            (vec!["a.*.c", "a.b.*"], vec!["a.*.*"]),
            (vec!["a.*.c", "a.b.>"], vec!["a.*.>"]),
            (vec!["a.b.c", "a.d.e", "a.*.*"], vec!["a.*.*"]),
            (vec!["a.b", "a.b.c"], vec!["a.b", "a.b.c"]),
            (vec!["a.b", "a.b"], vec!["a.b"]),
        ] {
            assert_eq!(union(patterns(&given)), patterns(&expected), "{given:?}");
        }
    }

    #[test]
    fn a_stream_takes_the_replies_of_others() {
        for pattern in patterns(&[">", "*", "*.created", "*.>"]) {
            assert!(!can_be_taken(&pattern), "{pattern}");
        }
        assert!(can_be_taken(&"orders.>".parse().unwrap()));
    }

    fn pattern() -> impl Strategy<Value = SubjectPattern> {
        "((a|b|\\*)\\.){0,3}(a|b|\\*|>)".prop_map(|text| text.parse().unwrap())
    }

    proptest! {
        #[test]
        fn a_subject_is_missing_in_the_union(all in prop::collection::vec(pattern(), 0..6), name in "((a|b)\\.){0,4}(a|b)") {
            let name: Subject = name.parse().unwrap();
            let union = union(all.clone());
            let wanted = all.iter().any(|pattern| pattern.matches(&name));
            prop_assert!(!wanted || union.iter().any(|pattern| pattern.matches(&name)));
            for (at, one) in union.iter().enumerate() {
                for other in &union[at + 1..] {
                    prop_assert!(!overlap(one, other), "{} {}", one, other);
                }
            }
        }

        #[test]
        fn two_patterns_share_a_subject_and_do_not_overlap(one in pattern(), other in pattern(), name in "((a|b)\\.){0,3}(a|b)") {
            let name: Subject = name.parse().unwrap();
            prop_assert!(!(one.matches(&name) && other.matches(&name)) || overlap(&one, &other));
            prop_assert_eq!(overlap(&one, &other), overlap(&other, &one));
        }
    }
}
