//! A look at a text before it is parsed: how deep it is nested.
//!
//! The parser limits brackets and the parts of a key each on its own; together they still make trees deep enough to
//! overflow a stack. No plan is deeper than a few levels, so the limits here are low. This is no parser: on text that
//! is not TOML it may be wrong, and then the parser has the last word.

/// The deepest that brackets may be nested.
const DEEPEST: usize = 32;
/// The most parts of one dotted key.
const MOST_PARTS: usize = 16;

/// Where a text is nested too deep, in bytes, and what is too deep there.
pub(super) fn too_deep(text: &str) -> Option<(usize, &'static str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut depth: usize = 0;
    let mut dots = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'#' => at = line_end(bytes, at),
            b'"' | b'\'' => at = string_end(bytes, at, *byte),
            b'.' => dots += 1,
            b'[' | b'{' => (depth, dots) = (depth + 1, 0),
            b']' | b'}' => (depth, dots) = (depth.saturating_sub(1), 0),
            b'=' | b',' | b'\n' => dots = 0,
            _ => {}
        }
        if depth > DEEPEST {
            return Some((at, "brackets nested deeper than a plan ever is"));
        }
        if dots >= MOST_PARTS {
            return Some((at, "a key of more parts than a plan ever has"));
        }
        at += 1;
    }
    None
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')).map_or(bytes.len(), |end| from + end)
}

/// The last byte of the string that opens at `from`; one that is never closed ends with its line.
fn string_end(bytes: &[u8], from: usize, quote: u8) -> usize {
    let escapes = quote == b'"';
    let is = |at: usize| bytes.get(at) == Some(&quote);
    let triple = |at: usize| is(at) && is(at + 1) && is(at + 2);
    let long = triple(from);
    let mut at = from + if long { 3 } else { 1 };
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if escapes => at += 1,
            b'\n' if !long => return at - 1,
            _ if long && triple(at) => return at + 2,
            _ if !long && is(at) => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_dots_count_only_outside_texts_and_comments() {
        let deep = "[".repeat(40);
        let dots = "a.".repeat(20);
        for text in [
            format!("x = \"{deep}\""),
            format!("x = '{deep}'"),
            format!("x = \"\"\"\n\"{deep}\n\"\"\""),
            format!("x = '''\n{deep}\\'''"),
            format!("# {deep} {dots}"),
            format!("x = \"\\\"{deep}\""),
            format!("x = \"{dots}\"\ny = 1.5"),
            "[a.b.c]\nx = [{ y = 1 }]\n".repeat(1_000),
        ] {
            assert_eq!(too_deep(&text), None, "{text}");
        }
        for text in [format!("x = {deep}"), format!("{dots}a = 1"), format!("x = \"\"\n{deep}"), format!("[{dots}a]")] {
            assert!(too_deep(&text).is_some(), "{text}");
        }
    }
}
