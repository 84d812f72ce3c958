//! Files that are broken, huge, deep or meant to harm: never a panic, always a place.

use super::{bundled, *};

/// A source of numbers that is the same in every run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

const PIECES: [&[u8]; 16] = [
    b"\0",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\n[document]\n",
    b"[[steps]]\n",
    b" = ",
    b"\"\"\"",
    b"'''",
    b"{{",
    b"}}",
    b"\r",
    b"99999999999999999999",
    b"-1",
    b"nan",
    b"1979-05-27T07:32:00Z",
    "\u{202e}\u{feff}".as_bytes(),
];

fn mutate(file: &mut PlanFile, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(file.bytes.len() + 1);
        match numbers.below(9) {
            0 => file.bytes.truncate(at),
            1 => {
                if let Some(byte) = file.bytes.get_mut(at) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
            2 => {
                let piece = PIECES[numbers.below(PIECES.len())];
                file.bytes.splice(at..at, piece.iter().copied());
            }
            3 => {
                // A line twice, so that keys and tables are.
                let text = String::from_utf8_lossy(&file.bytes).into_owned();
                let lines: Vec<&str> = text.lines().collect();
                let line = lines.get(numbers.below(lines.len())).copied().unwrap_or_default();
                let mut lines = lines.clone();
                lines.insert(numbers.below(lines.len() + 1), line);
                file.bytes = lines.join("\n").into_bytes();
            }
            4 => {
                let end = (at + numbers.below(40)).min(file.bytes.len());
                file.bytes.drain(at..end);
            }
            5 => {
                let open = [&b"["[..], b"{a=", b"a.", b"[a.", b"\"", b"#"][numbers.below(6)];
                let many = open.repeat(1 + numbers.below(300));
                file.bytes.splice(at..at, many);
            }
            6 => {
                let long = vec![b"ab.= \n\"1"[numbers.below(8)]; numbers.below(2_000)];
                file.bytes.splice(at..at, long);
            }
            7 => {
                let names = [
                    "../../etc/passwd",
                    "environments/../plan.toml",
                    "runbooks/../../x.toml",
                    "/plan.toml",
                    "runbooks/\0.toml",
                    "templates/..md",
                    "C:\\plan.toml",
                    "",
                ];
                names[numbers.below(names.len())].clone_into(&mut file.name);
            }
            _ => file.bytes.reverse(),
        }
    }
}

fn keys(count: usize) -> String {
    let keys: Vec<String> = (0..count).map(|number| format!("k{number} = 1")).collect();
    keys.join("\n")
}

fn judge(files: &[PlanFile]) -> Option<LoadedPlan> {
    match LoadedPlan::read(files) {
        Ok(loaded) => Some(loaded),
        Err(faults) => {
            assert!(!faults.is_empty(), "a plan was refused without a word");
            for fault in faults {
                assert!(fault.line >= 1 && fault.column >= 1, "{fault:?}");
                assert!(fault.message.len() < 1_000 && fault.field.len() < 2_000, "{fault:?}");
            }
            None
        }
    }
}

#[test]
fn ten_thousand_broken_files_are_refused_with_a_place() {
    let today = chrono::NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
    let whole = bundled();
    let mut numbers = Numbers(20_261_123);
    let mut read = 0;
    for round in 0..10_000 {
        let mut file = whole[round % whole.len()].clone();
        mutate(&mut file, &mut numbers);
        if round % 40 == 0 {
            let mut files = whole.clone();
            files[round % whole.len()] = file;
            if let Some(loaded) = judge(&files) {
                read += 1;
                let _ = lint(&loaded.plan, &loaded.places, today);
            }
        } else {
            judge(&[file]);
        }
    }
    assert!(read > 0, "no change was harmless, so nothing was linted");
}

#[test]
fn depth_does_not_overflow_the_stack() {
    let nested = |open: &str, close: &str, times: usize| format!("{}{}", open.repeat(times), close.repeat(times));
    let key = vec!["a"; 79].join(".");
    let texts = [
        format!("x = {}", nested("[", "]", 100_000)),
        format!("x = {}", nested("{a=", "}", 100_000)),
        format!("x = {}", "[".repeat(100_000)),
        format!("{} = 1", vec!["a"; 100_000].join(".")),
        format!("[{}]", vec!["a"; 100_000].join(".")),
        format!("[{key}]\n{key} = {}", nested(&format!("{{{key}="), "}", 78)),
        format!("[{key}]\n{key} = {}1{}", format!("{{{key}=").repeat(70), "}".repeat(70)),
        format!("x = {}", "\"".repeat(100_000)),
        "[[a]]\n".repeat(20_000),
        "[".repeat(50_000),
    ];
    for text in texts {
        for name in ["plan.toml", "runbooks/deep.toml", "checks.toml"] {
            assert!(judge(&[PlanFile { name: name.to_owned(), bytes: text.clone().into_bytes() }]).is_none());
        }
    }
}

#[test]
fn much_is_refused_without_saying_much() {
    let long = "k".repeat(1 << 19);
    let texts = [
        format!("[\"{long}\"]\n{}", keys(5_000)),
        format!("x = [{}]", "{},".repeat(100_000)),
        format!("steps = [{}]", "{},".repeat(20_000)),
        format!("name = \"{long}\"\nrto = \"{long}\"\nseverity = \"{long}\"\n{long} = 1"),
        keys(40_000),
        "= \n".repeat(20_000),
    ];
    for text in texts {
        let file = PlanFile { name: "runbooks/much.toml".to_owned(), bytes: text.into_bytes() };
        let faults = Plan::read(&[file]).unwrap_err();
        assert!(faults.len() <= 1_100, "{} faults", faults.len());
    }
}

#[test]
fn every_kind_of_bad_file_is_refused_at_its_line() {
    let good = || bundled().into_iter().find(|file| file.name == "checks.toml").unwrap().bytes;
    let after_good = |more: &[u8]| [good().as_slice(), more].concat();
    let lines = std::str::from_utf8(&good()).unwrap().lines().count() as u32;
    for (bytes, line, says) in [
        (after_good(b"x = \"\0\"\n"), lines + 1, "not valid TOML"),
        (after_good(b"# \0\n"), lines + 1, "not valid TOML"),
        (after_good(b"# \xff\xfe\n"), lines + 1, "not UTF-8 text"),
        (after_good(b"\xed\xa0\x80"), lines + 1, "not UTF-8 text"),
        (after_good(b"[checks]\n[checks]\n"), lines + 2, "not valid TOML: duplicate key"),
        (after_good(b"[checks.new]\nkind = \"tcp\"\nkind = \"tcp\"\n"), lines + 3, "not valid TOML: duplicate key"),
        (after_good(b"[checks.new]\n\"kind\" = \"tcp\"\nkind = \"tcp\"\n"), lines + 3, "not valid TOML: duplicate key"),
        (after_good("[checks.é]\nkind = \"\u{feff}".as_bytes()), lines + 2, "not valid TOML"),
        (after_good("\u{feff}".as_bytes()), lines + 1, "not valid TOML"),
        (after_good("[checks.\"../../etc/passwd\"]\n".as_bytes()), lines + 1, "not a name"),
        (good().iter().map(|byte| if *byte == b'\n' { b'\r' } else { *byte }).collect(), 1, "not valid TOML"),
    ] {
        let shown = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(40)..]).into_owned();
        let faults = Plan::read(&[PlanFile { name: "checks.toml".to_owned(), bytes }]).unwrap_err();
        let told: Vec<_> = faults.iter().filter(|fault| fault.file == "checks.toml").collect();
        let said = told.iter().any(|fault| fault.line == line && fault.message.contains(says));
        assert!(said, "{shown:?}: line {line}, {says}: {told:#?}");
    }
}

#[test]
fn a_mark_at_the_start_and_line_ends_of_windows_change_nothing() {
    let changed: Vec<PlanFile> = bundled()
        .into_iter()
        .map(|PlanFile { name, bytes }| {
            let text = String::from_utf8(bytes).unwrap().replace('\n', "\r\n");
            PlanFile { name, bytes: format!("\u{feff}{text}").into_bytes() }
        })
        .collect();
    let (changed, plain) = (LoadedPlan::read(&changed).unwrap(), LoadedPlan::read(&bundled()).unwrap());
    assert_eq!(changed.places, plain.places);
    assert_eq!(changed.plan.checks, plain.plan.checks);
}

#[test]
fn a_file_whose_name_leads_out_of_the_folder_is_no_part_of_a_plan() {
    for name in [
        "../../etc/passwd",
        "../plan.toml",
        "environments/../plan.toml",
        "runbooks/../../x.toml",
        "/plan.toml",
        "runbooks//x.toml",
        "runbooks/./x.toml",
        "runbooks/\0.toml",
        "runbooks/\u{1b}[2J.toml",
        "templates/..md",
        "C:\\plan.toml",
        "",
    ] {
        let mut files = bundled();
        files.push(PlanFile { name: name.to_owned(), bytes: Vec::new() });
        let faults = Plan::read(&files).unwrap_err();
        assert_eq!(faults.len(), 1, "{name:?}: {faults:?}");
        assert_eq!((faults[0].line, &faults[0].file), (1, &crate::text::visible(name).into_owned()));
    }
}

#[test]
fn a_file_too_large_is_not_read() {
    let faults = Plan::read(&[PlanFile { name: "plan.toml".to_owned(), bytes: vec![b'a'; 100 << 20] }]).unwrap_err();
    assert!(faults.iter().any(|fault| fault.message == "larger than 4 MiB"), "{faults:?}");
}

#[test]
fn a_file_that_is_there_twice_is_a_fault() {
    let mut files = bundled();
    files.push(files[0].clone());
    let faults = Plan::read(&files).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].message, "the file is there twice");
}
