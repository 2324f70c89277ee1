//! "Did you mean …?": the known word that is closest to an unknown one.

/// The candidate with the fewest typing errors against `word`, where swapped neighbours count as
/// one. `None` when even the best differs in more than a third of its letters: a far-fetched
/// guess costs the reader more than none.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(word, candidate);
    let best = candidates.into_iter().min_by_key(|candidate| distance(candidate))?;
    let allowed = (best.chars().count().max(word.chars().count()) / 3).max(1);
    (distance(best) <= allowed).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_gets_no_suggestion() {
        let keys = ["service", "path", "timeout", "methods"];
        assert_eq!(nearest("servcie", keys), Some("service"));
        assert_eq!(nearest("timeouts", keys), Some("timeout"));
        assert_eq!(nearest("pth", keys), Some("path"));
        assert_eq!(nearest("method", keys), Some("methods"));
    }

    #[test]
    fn a_far_fetched_word_is_suggested() {
        assert_eq!(nearest("colour", ["service", "path"]), None);
        assert_eq!(nearest("x", ["path"]), None);
        assert_eq!(nearest("anything", []), None);
    }
}
