//! JSON as YAML that people read: blocks, and long texts as they are.
//!
//! The part of YAML 1.2 (<https://yaml.org/spec/1.2.2/>) that Kubernetes objects need. A string stands between
//! quotes, as in JSON, which YAML contains: so none is taken for a number or a date.

use std::fmt::Write;

use serde_json::Value;

/// One document, with a line end.
pub(super) fn document(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

/// The lines of a value that is no scalar, or the scalar; `depth` in steps of two blanks.
fn block(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                indent(depth, text);
                text.push_str(&key(name));
                text.push(':');
                below(value, depth + 1, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let mut inner = String::new();
                block(item, depth + 1, &mut inner);
                indent(depth, text);
                // its first line begins behind the dash
                let _infallible = write!(text, "- {}", inner.trim_start());
            }
        }
        scalar => {
            let _infallible = writeln!(text, "{scalar}");
        }
    }
}

/// What stands behind `name:`.
fn below(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::String(long) if is_text(long) => {
            text.push_str(" |\n");
            for line in long.lines() {
                if !line.is_empty() {
                    indent(depth, text);
                }
                text.push_str(line);
                text.push('\n');
            }
        }
        scalar if is_scalar(scalar) => {
            let _infallible = writeln!(text, " {scalar}");
        }
        lines => {
            text.push('\n');
            block(lines, depth, text);
        }
    }
}

/// Whether it stands on one line; nothing in it does, too.
fn is_scalar(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

/// A literal block can say it: it ends with exactly one line end and does not begin with a blank.
fn is_text(text: &str) -> bool {
    let ends_well = text.ends_with('\n') && !text.ends_with("\n\n") && text.len() > 1;
    ends_well && !text.starts_with([' ', '\n', '\t']) && !text.contains('\r')
}

fn key(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    // names of fields and labels: those that are numbers or words of YAML do not occur without a letter and a quote
    if plain
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !["true", "false", "null", "yes", "no", "on", "off"].contains(&name)
    {
        name.to_owned()
    } else {
        Value::String(name.to_owned()).to_string()
    }
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_written_in_a_way_that_means_something_else() {
        let object = json!({
            "kind": "A",
            "on": true,
            "a": { "n": 1, "none": {}, "list": [{ "x": "1", "y": [] }, "two", ["deep"]] },
            "text": "first\n\n  indented # no comment\n",
            "odd": "no line end",
            "blank": " begins with a blank\n",
        });
        let expected = r#"a:
  list:
    - x: "1"
      y: []
    - "two"
    - - "deep"
  n: 1
  none: {}
blank: " begins with a blank\n"
kind: "A"
odd: "no line end"
"on": true
text: |
  first

    indented # no comment
"#;
        assert_eq!(document(&object), expected);
    }
}
