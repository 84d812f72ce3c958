//! Contracts: what a vendor's published interface wants of a request, as small JSON Schemas in `contracts`, written for
//! this project. Each file is `{"METHOD /path/{part}": {"headers": SCHEMA, "query": SCHEMA, "body": SCHEMA}}`; a form is
//! judged as an object of texts.

use std::{collections::BTreeMap, fs, path::Path};

use lifeboat_range::vendor::Asked;
use serde_json::{Map, Value, json};

use crate::world::form;

/// Judges a request by the contract of this name.
#[track_caller]
pub(crate) fn keeps(contract: &str, asked: &Asked) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("vendors/contracts").join(format!("{contract}.json"));
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("contract {contract}: {error}"));
    let calls: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
    let (_, wanted) = calls
        .iter()
        .find(|(call, _)| fits(call, asked))
        .unwrap_or_else(|| panic!("{contract} knows no {} {}", asked.method, asked.path));
    let parts = [("headers", headers(asked)), ("query", json!(form(asked.query.as_bytes()))), ("body", body(asked))];
    for (part, value) in parts {
        let Some(schema) = wanted.get(part) else {
            assert!(part == "headers" || is_empty(&value), "{contract}: a {part} nobody wants: {value}");
            continue;
        };
        let validator = jsonschema::validator_for(schema).unwrap();
        let faults: Vec<String> =
            validator.iter_errors(&value).map(|fault| format!("{} at {}", fault, fault.instance_path())).collect();
        assert!(faults.is_empty(), "{contract} {} {}: {part}: {faults:?} in {value}", asked.method, asked.path);
    }
}

fn fits(call: &str, asked: &Asked) -> bool {
    let Some((method, path)) = call.split_once(' ') else { return false };
    let (wanted, given): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), asked.path.split('/').collect());
    method == asked.method.as_str()
        && wanted.len() == given.len()
        && wanted.iter().zip(given).all(|(wanted, given)| {
            let (before, after) = match wanted.split_once('{') {
                Some((before, rest)) => (before, rest.split_once('}').map_or("", |(_, after)| after)),
                None => return *wanted == given,
            };
            given.len() > before.len() + after.len() && given.starts_with(before) && given.ends_with(after)
        })
}

fn headers(asked: &Asked) -> Value {
    let pairs = asked
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned())));
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn body(asked: &Asked) -> Value {
    let kind = asked.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
    match kind.split(';').next() {
        _ if asked.body.is_empty() => Value::Null,
        Some("application/json") => serde_json::from_slice(&asked.body).unwrap(),
        Some("application/x-www-form-urlencoded") => json!(form(&asked.body)),
        _ => panic!("a body of type {kind:?}"),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}
