//! Failures as the user reads them: what, why, what to do. One line each, and the place in the
//! source when there is one.

use std::fmt::Write;

use holm_registry::manifest::{Diagnostic, Diagnostics};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};

use crate::admin::client::ClientError;

/// A failure with all that can be said about it.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(super) struct Failure {
    what: String,
    why: Option<String>,
    todo: Option<String>,
}

/// The command was called in a wrong way, found out after the arguments were read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(pub(super) String);

impl Failure {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), why: None, todo: None }
    }

    pub(super) fn because(self, why: impl ToString) -> Self {
        Self { why: Some(why.to_string()), ..self }
    }

    pub(super) fn so(self, todo: impl Into<String>) -> Self {
        Self { todo: Some(todo.into()), ..self }
    }
}

/// The whole text, ending in a newline.
pub(super) fn render(error: &anyhow::Error, color: bool) -> String {
    if let Some(diagnostics) = error.downcast_ref::<Diagnostics>() {
        return manifest(diagnostics, color);
    }
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return lines(&failure.what, failure.why.as_deref(), failure.todo.as_deref());
    }
    if let Some(client) = error.downcast_ref::<ClientError>() {
        return lines(&client.to_string(), client.why(), client.what_to_do());
    }
    if let Some(UsageError(what)) = error.downcast_ref() {
        return lines(what, None, Some("see --help"));
    }
    let causes: Vec<_> = error.chain().skip(1).map(ToString::to_string).collect();
    lines(&error.to_string(), (!causes.is_empty()).then(|| causes.join(": ")).as_deref(), None)
}

fn lines(what: &str, why: Option<&str>, todo: Option<&str>) -> String {
    let mut text = format!("error: {what}\n");
    for (label, line) in [("why", why), ("try", todo)] {
        if let Some(line) = line.filter(|line| !line.is_empty()) {
            // a list or a backtrace stands below its first line; writing into a `String` cannot fail
            let _infallible = writeln!(text, "  {label}: {}", line.replace('\n', "\n       "));
        }
    }
    text
}

fn manifest(diagnostics: &Diagnostics, color: bool) -> String {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme);
    let mut text = String::new();
    for item in &diagnostics.items {
        let _infallible = handler.render_report(&mut text, report(diagnostics, item).as_ref());
    }
    let count = diagnostics.items.len();
    let plural = if count == 1 { "" } else { "s" };
    let _infallible = writeln!(text, "error: {} has {count} problem{plural}", diagnostics.source_name);
    text
}

fn report(diagnostics: &Diagnostics, item: &Diagnostic) -> Report {
    let mut shown = MietteDiagnostic::new(&item.message);
    if let Some(span) = item.span.clone() {
        shown = shown.with_label(LabeledSpan::underline(span));
    }
    if let Some(help) = &item.help {
        shown = shown.with_help(help);
    }
    Report::new(shown).with_source_code(NamedSource::new(&diagnostics.source_name, diagnostics.source.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_does_not_say_what_to_do() {
        let error =
            ClientError::NoHost { url: "http://127.0.0.1:7070".to_owned(), why: "Connection refused".to_owned() };
        assert_eq!(
            render(&error.into(), false),
            "error: no Holm host answers at http://127.0.0.1:7070\n  why: Connection refused\n  try: start one with \
             `holm up`, or name it with --admin-url\n"
        );
    }

    #[test]
    fn the_causes_of_a_failure_are_swallowed() {
        let error = anyhow::anyhow!("No such file").context("users.wasm cannot be read");
        assert_eq!(render(&error, false), "error: users.wasm cannot be read\n  why: No such file\n");
    }
}
