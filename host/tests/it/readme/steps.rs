//! What a README has somebody type, and what it shows of what comes then. A block of `sh` is typed; a block of `text`
//! that follows is its stdout, where `…` stands for anything. Everything else is not for a shell.

/// What prepares or runs these tests, and so is not run by them.
const AROUND: [&str; 3] = ["scripts/test", "scripts/build-components --examples", "scripts/test-clients"];

/// Builds and starts the demo.
pub(super) const DEMO: &str = "scripts/up";
/// Starts a host without building it.
pub(super) const HOST: &str = "bin/holm up";

/// A block of `sh`, and what the README shows of its output.
#[derive(Debug, PartialEq)]
pub(super) struct Step {
    pub(super) commands: String,
    pub(super) shown: Option<String>,
}

/// What is typed beside one host.
#[derive(Debug, PartialEq)]
pub(super) struct Visit {
    /// What starts the host, in the first terminal.
    pub(super) start: String,
    /// What is typed in the second one.
    pub(super) steps: Vec<Step>,
}

/// The blocks of a text: language and content.
pub(super) fn blocks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    // every second part of a text that is split at its fences stands between two of them
    text.split("```").skip(1).step_by(2).map(|fenced| fenced.split_once('\n').unwrap())
}

/// The visits of a README, in its order. Where it starts no host, one without services is there.
pub(super) fn visits(readme: &str) -> Vec<Visit> {
    let mut visits = vec![Visit { start: HOST.to_owned(), steps: Vec::new() }];
    for (language, block) in blocks(readme) {
        let steps = &mut visits.last_mut().unwrap().steps;
        match language {
            "sh" if AROUND.contains(&block.trim()) => {}
            "sh" if block.contains(DEMO) || block.contains(HOST) => {
                visits.push(Visit { start: block.trim().to_owned(), steps: Vec::new() });
            }
            "sh" => steps.push(Step { commands: block.to_owned(), shown: None }),
            "text" => steps.last_mut().unwrap().shown = Some(block.to_owned()),
            _ => {}
        }
    }
    visits.retain(|visit| !visit.steps.is_empty());
    visits
}

/// Whether `came` is what is shown, line by line.
pub(super) fn is_shown(shown: &str, came: &str) -> bool {
    let (shown, came): (Vec<_>, Vec<_>) = (shown.trim().lines().collect(), came.trim().lines().collect());
    shown.len() == came.len() && shown.iter().zip(came).all(|(shown, came)| line_is_shown(shown.trim(), came.trim()))
}

fn line_is_shown(shown: &str, came: &str) -> bool {
    let Some((head, tail)) = shown.split_once('…') else { return shown == came };
    let Some(rest) = came.strip_prefix(head) else { return false };
    // the dots stand for anything: try every place for what follows them
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| line_is_shown(tail, &rest[at..]))
}

#[test]
fn dots_in_a_readme_hide_a_difference() {
    assert!(is_shown("a … is live, …\nb", "a 1 is live, 12 ms\nb\n"));
    assert!(!is_shown("a … is live", "a 1 is dead"));
    assert!(!is_shown("a …b", "a b c"));
    assert!(!is_shown("a", "a\nb"));
}

#[test]
fn a_step_of_a_readme_is_taken_beside_another_host() {
    let readme = "```sh\nls\n```\n```sh\nscripts/up\n```\nthen\n```sh\na\n```\n```text\nb\n```\n```toml\nx\n```\n\
                  ```sh\nX=1 bin/holm up --manifest c.toml\n```\n```sh\nd\n```\n```sh\nscripts/test\n```\n";
    let step = |commands: &str, shown: Option<&str>| {
        let (commands, shown) = (format!("{commands}\n"), shown.map(|shown| format!("{shown}\n")));
        vec![Step { commands, shown }]
    };
    let visit = |start: &str, steps| Visit { start: start.to_owned(), steps };
    let expected = [
        visit(HOST, step("ls", None)),
        visit(DEMO, step("a", Some("b"))),
        visit("X=1 bin/holm up --manifest c.toml", step("d", None)),
    ];
    assert_eq!(visits(readme), expected);
}
