//! Texts with `${name}` places to be filled in.

/// The names of a text's places, in order, each as often as it stands there.
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let after = rest.get(rest.find("${")? + 2..)?;
        let end = after.find('}')?;
        rest = &after[end + 1..];
        Some(&after[..end])
    })
}

/// Whether every place of a text is closed.
pub(crate) fn are_closed(text: &str) -> bool {
    text.rfind("${").is_none_or(|start| text[start..].contains('}'))
}

/// The text with every place filled in; what has no value is left empty and named in `missing`.
pub(crate) fn fill(text: &str, value: impl Fn(&str) -> Option<String>, missing: &mut Vec<String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        filled.push_str(&rest[..start]);
        let after = &rest[start + 2..];
        let end = after.find('}').unwrap_or(after.len());
        match value(&after[..end]) {
            Some(value) => filled.push_str(&value),
            None => missing.push(after[..end].to_owned()),
        }
        rest = after.get(end + 1..).unwrap_or("");
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_closed_and_filled_in() {
        for (text, closed, found, filled) in [
            ("", true, vec![], ""),
            ("a${x}b${y}c${x}", true, vec!["x", "y", "x"], "a1bc1"),
            ("$x {x} $${x}", true, vec!["x"], "$x {x} $1"),
            ("${x}${", false, vec!["x"], "1"),
            ("${", false, vec![], ""),
            ("${}", true, vec![""], ""),
        ] {
            assert_eq!((are_closed(text), names(text).collect::<Vec<_>>()), (closed, found), "{text}");
            let value = |name: &str| (name == "x").then(|| "1".to_owned());
            assert_eq!(fill(text, value, &mut Vec::new()), filled, "{text}");
        }
    }
}
