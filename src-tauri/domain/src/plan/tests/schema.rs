//! The schemas against the bundled plan and against mistakes, judged by a validator that is not ours.

use serde_json::{Value, json};

use super::{bundled, *};

fn as_json(file: &PlanFile) -> Value {
    let text = std::str::from_utf8(&file.bytes).unwrap();
    if schema_for(&file.name).is_none() {
        return text.into();
    }
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::new(schema).unwrap();
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn every_bundled_file_is_valid() {
    for file in bundled() {
        if let Some(schema) = schema_for(&file.name) {
            assert!(jsonschema::meta::is_valid(&schema), "{}", file.name);
            assert_eq!(problems(&schema, &as_json(&file)), Vec::<String>::new(), "{}", file.name);
        } else {
            assert!(file.name.starts_with("templates/"), "{} has no schema", file.name);
        }
    }
    let folder: serde_json::Map<String, Value> =
        bundled().iter().map(|file| (file.name.clone(), as_json(file))).collect();
    assert_eq!(problems(&schema(), &folder.into()), Vec::<String>::new());
}

#[test]
fn what_the_reader_refuses_the_schema_refuses() {
    for (name, from, to) in [
        ("plan.toml", "rto = { target = \"4h\"", "rto = { target = \"4\""),
        ("plan.toml", "rto = { target = \"4h\"", "rto = { target = 4"),
        ("plan.toml", "99.9%", "99.9"),
        ("plan.toml", "next-review = \"2025-07\"", "next-review = \"July 2025\""),
        ("plan.toml", "priority = \"P0\"", "priority = \"P9\""),
        ("plan.toml", "title =", "titel ="),
        ("plan.toml", "rank = 1", "rank = -1"),
        ("plan.toml", "tier = \"critical\"", "tier = \"Critical!\""),
        ("checks.toml", "kind = \"tcp\"", "kind = \"tpc\""),
        ("checks.toml", "write = true", "write = \"yes\""),
        ("checks.toml", "min-size = \"1 KiB\"", "min-size = \"1 kib\""),
        ("checks.toml", "endpoint = \"platform-api\"\n", ""),
        ("environments/range.toml", "kind = \"range\"", "kind = \"rnage\""),
        ("backups.toml", "method = \"dump\"", "method = \"tape\""),
        ("runbooks/data-corruption.toml", "phase = \"contain\"", "phase = \"contian\""),
        ("runbooks/data-corruption.toml", "question =", "qestion ="),
        ("runbooks/data-corruption.toml", "budget = \"15m\"\n", ""),
        ("severities.toml", "by = [\"chat\"]", "by = [\"slack\"]"),
        ("severities.toml", "[matrix.P3]", "[matrix.P4]"),
        ("contacts.toml", "escalate-after = 15", "escalate-after = -15"),
        ("templates.toml", "form = \"time\"", "form = \"tine\""),
        ("drills.toml", "every = \"monthly\"", "every = \"monthy\""),
        ("reports.toml", "kind = \"money\"", "kind = \"cash\""),
        ("compliance.toml", "clock = \"asking\"", "clock = \"now\""),
        ("maintenance.toml", "covers = [\"Complete runbook\"]", "covers = \"Complete runbook\""),
    ] {
        let mut file = bundled().into_iter().find(|file| file.name == name).unwrap();
        let text = String::from_utf8(file.bytes.clone()).unwrap();
        assert!(text.contains(from), "{name} does not contain {from}");
        file.bytes = text.replacen(from, to, 1).into_bytes();
        let faults = Plan::read(std::slice::from_ref(&file)).unwrap_err();
        assert!(faults.iter().any(|fault| fault.file == name), "the reader took {to} in {name}");
        let found = problems(&schema_for(name).unwrap(), &as_json(&file));
        assert!(!found.is_empty(), "the schema took {to} in {name}");
    }
}

#[test]
fn schemas_describe_and_leave_nothing_open() {
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap();
    assert!(definitions.len() > 60, "{} definitions", definitions.len());
    for (name, definition) in definitions {
        assert!(definition.as_object().is_some_and(|object| !object.is_empty()), "{name} is open");
        for variant in definition["oneOf"].as_array().unwrap_or(&vec![definition.clone()]) {
            let Some(properties) = variant["properties"].as_object() else { continue };
            assert_eq!(variant["additionalProperties"], json!(false), "{name}");
            for (key, property) in properties {
                assert!(property.as_object().is_some_and(|object| !object.is_empty()), "{name}.{key} is open");
            }
        }
    }
    for check in definitions["Check"]["oneOf"].as_array().unwrap() {
        for (key, property) in check["properties"].as_object().unwrap() {
            assert!(
                property["description"].as_str().is_some_and(|words| !words.is_empty()),
                "{}.{key}",
                check["title"]
            );
        }
    }
    let step = &definitions["Step"];
    let decision = step["oneOf"].as_array().unwrap().iter().find(|kind| kind["title"] == "decision").unwrap();
    assert_eq!(decision["properties"]["budget"]["description"], "The longest it may take.");
    assert_eq!(decision["properties"]["destructive"]["default"], json!(false));
    assert_eq!(decision["properties"]["kind"]["const"], "decision");
    assert_eq!(decision["required"], json!(["id", "name", "phase", "budget", "kind", "question"]));
    assert_eq!(definitions["Severity"]["enum"], json!(["P0", "P1", "P2", "P3"]));
}

#[test]
fn only_files_of_a_plan_have_a_schema() {
    for name in ["plan.json", "environments/Range!.toml", "templates/status-page.md", "", "../plan.toml"] {
        assert!(schema_for(name).is_none(), "{name} has a schema");
    }
    assert!(schema_for("runbooks/anything.toml").is_some());
}
