//! Reading an answer as JSON without being filled by it.

use serde_json::Value;

/// What a JSON document may take in memory, by estimate; the answer itself is at most 1 MiB.
const HEAVIEST: usize = 8 << 20;
/// An object has room for eleven names and values from the first on.
const WEIGHT_OF_OBJECT: usize = 640;
const WEIGHT_OF_VALUE: usize = 64;

/// Why a body is no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoDocument {
    NotJson,
    TooMany,
}

/// Reads a body as JSON, unless it would take many times its length: `[[],[],...` and the like.
pub(super) fn document(body: &str) -> Result<Value, NoDocument> {
    let weight = |byte: u8| match byte {
        b'{' => WEIGHT_OF_OBJECT,
        b'[' | b',' | b':' => WEIGHT_OF_VALUE,
        _ => 0,
    };
    if body.bytes().map(weight).sum::<usize>() > HEAVIEST {
        return Err(NoDocument::TooMany);
    }
    serde_json::from_str(body).map_err(|_| NoDocument::NotJson)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_would_fill_the_memory_as_json_is_not_read() {
        for piece in ["[],", "{},", "{\"\":0},", "0,", "{\"a\":"] {
            let body = format!("[{}", piece.repeat((1 << 20) / piece.len()));
            assert_eq!(document(&body), Err(NoDocument::TooMany), "{piece}");
        }
        let list = format!("[{}1]", "{\"name\":\"a component\",\"status\":\"operational\"},".repeat(2_000));
        assert!(document(&list).is_ok());
        assert_eq!(document(&"[".repeat(1_000)), Err(NoDocument::NotJson));
    }
}
