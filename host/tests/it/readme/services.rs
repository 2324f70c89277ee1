//! The README of each of the shop's services, beside its source: routes, functions, events and settings.

use std::fs;

use super::{read, root};

/// The string literals in code, but for those in comments.
fn literals(code: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = code.lines().take_while(|line| *line != "#[cfg(test)]").filter(|line| !line.trim().starts_with("//"));
    lines.flat_map(|line| {
        let parts: Vec<_> = line.split('"').collect();
        parts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>()
    })
}

/// What a literal behind this code is called in a README, if it is a door or a setting.
fn name(before: &str, literal: &str) -> Option<String> {
    let route = ["get", "put", "post", "patch", "delete"]
        .into_iter()
        .find(|method| before.ends_with(&format!("Route::{method}(")));
    let subject =
        literal.contains('.') && literal.bytes().all(|byte| byte.is_ascii_lowercase() || b".*-".contains(&byte));
    match route {
        Some(method) => Some(format!("`{} {literal}", method.to_uppercase())),
        None if before.ends_with("config::get(") || subject => Some(format!("`{literal}`")),
        None => None,
    }
}

/// The interfaces that a component exports or imports.
fn interfaces(code: &str) -> impl Iterator<Item = String> {
    let named = code.lines().filter_map(|line| line.trim().split_once(' '));
    let ours = named.filter(|(what, interface)| ["import", "export"].contains(what) && interface.starts_with("shop:"));
    ours.map(|(_, interface)| format!("`{}`", interface.split('@').next().unwrap()))
}

#[test]
fn the_readme_of_a_service_leaves_out_one_of_its_doors() {
    let mut doors = 0;
    for folder in fs::read_dir(root().join("components")).unwrap().map(|entry| entry.unwrap().path()) {
        if !folder.join("README.md").exists() || !folder.join("src").exists() {
            continue;
        }
        let readme = read(folder.join("README.md").strip_prefix(root()).unwrap().to_str().unwrap());
        for file in fs::read_dir(folder.join("src")).unwrap().map(|entry| entry.unwrap().path()) {
            let code = fs::read_to_string(&file).unwrap();
            let named = literals(&code).filter_map(|(before, literal)| name(before, literal)).chain(interfaces(&code));
            for door in named {
                let told = readme
                    .match_indices(&door)
                    .any(|(at, _)| door.ends_with('`') || readme[at + door.len()..].starts_with(['`', '?']));
                assert!(told, "{} has {door}, and the README does not tell of it", file.display());
                doors += 1;
            }
        }
    }
    assert!(doors > 60, "{doors}");
}
