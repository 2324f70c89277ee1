//! What `examples/migrating` shows of Holm is a part of the files that other tests deploy.

use std::fs;
use std::path::Path;

/// The blocks of the README that show a part of a file, with the file's name.
fn shown(readme: &str) -> Vec<(String, String)> {
    let mut parts = Vec::new();
    let mut rest = readme;
    while let Some((before, after)) = rest.split_once("\n```") {
        let (block, behind) = after.split_once("\n```").unwrap();
        let (language, text) = block.split_once('\n').unwrap();
        let named = before.trim_end().lines().next_back().unwrap();
        let file = named.strip_prefix('`').and_then(|line| line.strip_suffix("`:"));
        assert_eq!(file.is_some(), language != "js", "it is not said which file has\n{text}");
        parts.extend(file.map(|file| (file.to_owned(), text.to_owned())));
        rest = behind;
    }
    parts
}

#[test]
fn the_way_that_is_shown_to_newcomers_is_not_the_way_of_the_shop() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = fs::read_to_string(root.join("examples/migrating/README.md")).unwrap();
    let shown = shown(&readme);
    assert!(shown.len() >= 10, "{} parts", shown.len());
    for (file, text) in shown {
        let whole = fs::read_to_string(root.join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(whole.contains(&text), "{file} does not have\n{text}");
    }
}
