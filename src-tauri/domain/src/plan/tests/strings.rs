//! Five hundred hostile strings in every text of the plan: it is read and linted, and nothing said of it steers what
//! shows it.

use std::{collections::BTreeSet, fmt::Write, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{bundled, *};
use crate::text::is_hidden;

const COUNT: usize = 500;
/// How many strings share a plan.
const TOGETHER: usize = 4;

/// What the strings are made of: markup, scripts, letters that hide or steer, and what other programs would act on.
const PIECES: [&str; 36] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "<a href='data:text/html,<b>'>",
    "</textarea><iframe srcdoc='<b>'>",
    "<!--",
    "]]>",
    "&lt;b&gt;&#0;",
    "{{ constructor.constructor('x')() }}",
    "{@html '<b>'}",
    "${7*7}",
    "${primary.port}",
    "{{name}}",
    "%n%s%x",
    "'; DROP TABLE orders; --",
    "\" OR \"\"=\"",
    "$(reboot)`id`",
    "; rm -rf /",
    "=HYPERLINK(\"http://example.org\")",
    "+1+cmd|' /C calc'!A0",
    "@SUM(1)",
    "../../../../etc/passwd",
    "..\\..\\windows",
    "\u{202e}gnp.exe",
    "\u{200b}\u{2060}\u{feff}",
    "\u{2066}\u{2069}\u{61c}",
    "\u{1b}[2J\u{1b}]0;title\u{7}",
    "\u{9b}31m",
    "\r\nforged: line",
    "\u{2028}\u{2029}\u{85}",
    "\0\u{8}\u{7f}",
    "\u{e0041}\u{e007f}",
    "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "\"\"\"\n[document]\nid = 1",
    "\u{fdfd}\u{1f468}\u{200d}\u{1f469}",
];

/// Each piece alone, long, and joined with others.
fn strings() -> Vec<String> {
    let mut strings: BTreeSet<String> = PIECES.iter().map(|piece| (*piece).to_owned()).collect();
    strings.extend(PIECES.iter().map(|piece| piece.repeat(1 + 2_000 / piece.len())));
    for distance in 1.. {
        for (at, piece) in PIECES.iter().enumerate() {
            if strings.len() == COUNT {
                return strings.into_iter().collect();
            }
            strings.insert(format!("{piece} {}", PIECES[(at + distance) % PIECES.len()]));
        }
    }
    unreachable!("distances do not end")
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            _ if letter.is_control() => write!(quoted, "\\u{:04x}", letter as u32).unwrap(),
            _ => quoted.push(letter),
        }
    }
    quoted + "\""
}

/// Where the texts of a file stand, first to last.
fn texts(file: &PlanFile) -> Vec<Range<usize>> {
    fn look(value: &Spanned<DeValue<'_>>, found: &mut Vec<Range<usize>>) {
        match value.get_ref() {
            DeValue::String(_) => found.push(value.span()),
            DeValue::Array(items) => items.iter().for_each(|item| look(item, found)),
            DeValue::Table(table) => table.iter().for_each(|(_, value)| look(value, found)),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
        }
    }
    let mut found = Vec::new();
    if !file.name.starts_with("templates/") {
        let table = DeTable::parse(std::str::from_utf8(&file.bytes).unwrap()).unwrap();
        table.get_ref().iter().for_each(|(_, value)| look(value, &mut found));
    }
    found.sort_by_key(|span| span.start);
    found
}

/// The file with these texts in turn at these places.
fn with(file: &PlanFile, places: &[Range<usize>], texts: &[String]) -> PlanFile {
    let mut bytes = file.bytes.clone();
    for (at, place) in places.iter().enumerate().rev() {
        bytes.splice(place.clone(), quoted(&texts[at % texts.len()]).bytes());
    }
    PlanFile { name: file.name.clone(), bytes }
}

fn is_plain(text: &str) -> bool {
    !text.contains(is_hidden)
}

fn assert_fault_is_plain(fault: &PlanFault) {
    assert!(fault.line >= 1 && fault.column >= 1, "{fault:?}");
    let texts = [&fault.file, &fault.field, &fault.message];
    assert!(texts.into_iter().chain(&fault.hint).all(|text| is_plain(text)), "{fault:?}");
}

/// What a file is refused for. Alone, since it is not its fault that others are missing; but where it says where
/// things are, the rules judge it only within the whole plan.
fn faults_of(file: &PlanFile) -> Vec<PlanFault> {
    let faults = if file.name.starts_with("environments/") {
        let mut files = bundled();
        files.retain(|other| other.name != file.name);
        files.push(file.clone());
        Plan::read(&files).err().unwrap_or_default()
    } else {
        Plan::read(std::slice::from_ref(file)).unwrap_err()
    };
    faults.iter().for_each(assert_fault_is_plain);
    faults.into_iter().filter(|fault| fault.file == file.name).collect()
}

#[test]
fn hostile_strings_in_every_text_are_read_linted_and_told_in_plain_lines() {
    let strings = strings();
    assert_eq!(strings.len(), COUNT);
    let today = chrono::NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
    let files = bundled();

    // Every text once by itself, each time with another string: some take any text, the others say what they want.
    let mut free: Vec<Vec<Range<usize>>> = Vec::new();
    let mut next = strings.iter().cycle();
    let (mut all, mut refused) = (0, 0);
    for file in &files {
        let mut takes_any = Vec::new();
        for place in texts(file) {
            all += 1;
            let string = next.next().unwrap();
            // What takes this one too takes any: a NUL, a place to be filled in, and a line's end.
            let pickiest = "\0${7*7}\n".to_owned();
            let takes =
                |string| faults_of(&with(file, std::slice::from_ref(&place), std::slice::from_ref(string))).is_empty();
            if takes(string) && takes(&pickiest) {
                takes_any.push(place);
            } else {
                refused += 1;
            }
        }
        free.push(takes_any);
    }
    assert!(all > 1_000 && refused > 100 && all - refused > 400, "{all} texts, {refused} refused");

    // Every text that takes any string holds a hostile one, all at once, and so for every string. Neighbours hold
    // different ones, so that a few hundred plans do for all of them.
    let mut linted = 0;
    for together in strings.chunks(TOGETHER) {
        let changed: Vec<PlanFile> =
            files.iter().zip(&free).map(|(file, places)| with(file, places, together)).collect();
        match LoadedPlan::read(&changed) {
            Ok(loaded) => {
                linted += 1;
                for finding in lint(&loaded.plan, &loaded.places, today) {
                    assert!(is_plain(&finding.message) && is_plain(&finding.why), "{finding:?}");
                    assert!(finding.places.iter().all(|place| place.line >= 1 && is_plain(&place.file)), "{finding:?}");
                }
            }
            Err(faults) => faults.iter().for_each(assert_fault_is_plain),
        }
    }
    assert_eq!(linted, COUNT.div_ceil(TOGETHER), "not every plan could be linted");
}
