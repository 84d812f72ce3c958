use proptest::prelude::*;

use super::*;

const HOUR: u64 = 3_600_000;

fn at(hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap() + TimeDelta::hours(hours)
}

fn span(from: i64, until: i64) -> Span {
    Span { from: at(from), until: at(until) }
}

fn health(letter: char) -> Health {
    match letter {
        'o' => Health::Operational,
        'd' => Health::Degraded,
        'x' => Health::Outage,
        '?' => Health::Unknown,
        _ => Health::NotChecked,
    }
}

fn change(since: i64, from: char, to: char) -> HealthChange {
    HealthChange { from: health(from), to: health(to), since: at(since), samples: 1, reason: String::new() }
}

/// A line as letters, one an hour: up, degraded, down, unknown, not observed, maintenance.
fn letters(line: &Timeline) -> String {
    let hours = (line.span().until - line.span().from).num_hours();
    let letter = |known: Known| match known {
        Known::Up => 'o',
        Known::Degraded => 'd',
        Known::Down => 'x',
        Known::Unknown => '?',
        Known::NotObserved => '-',
        Known::Maintenance => 'm',
    };
    let first = line.span().from;
    (0..hours)
        .map(|hour| {
            let at = first + TimeDelta::hours(hour);
            line.spells()
                .find(|(spell, _)| spell.from <= at && at < spell.until)
                .map_or('!', |(_, known)| letter(known))
        })
        .collect()
}

/// Changes, the health now and since when, observed, maintenance, and the line.
type Row<'a> = (&'a [HealthChange], (char, Option<i64>), &'a [Span], &'a [Span], &'a str);

#[test]
fn a_line_is_told_from_changes_watches_and_maintenance() {
    let whole = [span(0, 10)];
    let table: &[Row<'_>] = &[
        (&[], ('-', None), &whole, &[], "----------"),
        // Nothing changed: it has been as it is since before.
        (&[], ('o', Some(-5)), &whole, &[], "oooooooooo"),
        (&[], ('o', Some(4)), &whole, &[], "----oooooo"),
        (&[], ('o', Some(-5)), &[span(2, 4), span(6, 20)], &[], "--oo--oooo"),
        (&[change(3, 'o', 'x'), change(5, 'x', 'o')], ('o', Some(5)), &whole, &[], "oooxxooooo"),
        (&[change(0, '-', 'o'), change(3, 'o', '?'), change(5, '?', 'd')], ('d', Some(5)), &whole, &[], "ooo??ddddd"),
        // An outage that nobody watched for a while is not known to have gone on.
        (&[change(2, 'o', 'x'), change(8, 'x', 'o')], ('o', Some(8)), &[span(0, 4), span(7, 10)], &[], "ooxx---xoo"),
        // A later change knows better since when it has been so.
        (&[change(4, 'o', '?'), change(3, '?', 'x')], ('x', Some(3)), &whole, &[], "oooxxxxxxx"),
        // A change before the span says how it began, one after it nothing.
        (&[change(-2, 'o', 'x'), change(30, 'x', 'o')], ('o', Some(30)), &whole, &[], "xxxxxxxxxx"),
        (&[change(3, 'o', 'x')], ('x', Some(3)), &[span(0, 8)], &[span(5, 9)], "oooxxmmmm-"),
    ];
    for (row, (changes, (now, since), observed, maintenance, expected)) in table.iter().enumerate() {
        let line = Timeline::of_check(span(0, 10), changes, (health(*now), since.map(at)), observed, maintenance);
        assert_eq!(letters(&line), *expected, "row {row}");
    }
}

fn line(text: &str) -> Timeline {
    let mut before = '-';
    let mut maintenance = Vec::new();
    let changes: Vec<HealthChange> = text
        .chars()
        .enumerate()
        .map(|(hour, letter)| {
            let hour = hour as i64;
            if letter == 'm' {
                maintenance.push(span(hour, hour + 1));
            }
            let change = change(hour, before, letter);
            before = letter;
            change
        })
        .collect();
    let whole = span(0, text.len() as i64);
    Timeline::of_check(whole, &changes, (Health::NotChecked, None), &[whole], &maintenance)
}

#[test]
fn lines_add_up_without_turning_what_is_not_known_into_good() {
    let table: &[(&[&str], &[&str], &str)] = &[
        (&[], &[], "------"),
        (&["oodx?-"], &[], "oodx?-"),
        (&["oodx?-", "oooooo"], &[], "oodx?-"),
        // Not knowing outweighs working less well, and an outage outweighs both.
        (&["dddddd", "od?x-m"], &[], "dd?x-m"),
        (&["xxxxxx", "o?d-mx"], &[], "xxxxmx"),
        // What is merely used degrades; not knowing of it changes nothing.
        (&["oooooo"], &["odx?-m"], "oddooo"),
        (&["x?-odm"], &["xxxxxx"], "x?-ddm"),
        (&[], &["oxd?--"], "odd---"),
    ];
    for (row, (required, used, expected)) in table.iter().enumerate() {
        let required: Vec<Timeline> = required.iter().map(|text| line(text)).collect();
        let used: Vec<Timeline> = used.iter().map(|text| line(text)).collect();
        assert_eq!(letters(&Timeline::sum(span(0, 6), &required, &used)), *expected, "row {row}");
    }
}

#[test]
fn shares_are_of_what_is_known_and_say_how_much_that_is() {
    let table: [(&str, Option<f64>, &str); 6] = [
        ("----------", None, "nothing is known"),
        ("oooooooooo", Some(1.0), "100 % of the time that is known; known are 10h of 10h"),
        ("ooox??----", Some(0.75), "75 % of the time that is known; known are 4h of 10h; 1h down"),
        (
            "oodx------",
            Some(0.75),
            "75 % of the time that is known; known are 4h of 10h; 1h down; 1h degraded, counted as up",
        ),
        ("xxxxxxxxxx", Some(0.0), "0 % of the time that is known; known are 10h of 10h; 10h down"),
        ("ommmmmmmmm", Some(1.0), "100 % of the time that is known; known are 1h of 1h; 9h in maintenance, left out"),
    ];
    for (text, share, sentence) in table {
        let time = Availability::of(&line(text));
        assert_eq!((time.share(), time.sentence().as_str()), (share, sentence), "{text}");
    }
    let time = Availability::of(&line(&format!("{}x{}", "-".repeat(150), "-".repeat(50))));
    assert_eq!(time.share(), None, "an hour of two hundred is too little to speak of");
    assert_eq!(time.sentence(), "not enough known: 1h of 8d 9h; 1h down");
}

#[test]
fn shares_are_never_rounded_up() {
    for (share, text) in
        [(1.0, "100 %"), (0.999_999, "99.999 %"), (0.999, "99.9 %"), (0.5, "50 %"), (0.0, "0 %"), (0.000_001, "0 %")]
    {
        assert_eq!(percent(share), text);
    }
}

#[test]
fn an_objective_is_met_or_missed_only_when_the_unknown_cannot_change_that() {
    let wanted: Percentage = "90%".parse().unwrap();
    for (text, attained) in [
        ("oooooooooo", Attainment::Met),
        ("ooooooooox", Attainment::Met),
        ("ooooooooo?", Attainment::Met),
        ("oooooooo??", Attainment::Open),
        ("oooooooox-", Attainment::Open),
        ("ooooooooxx", Attainment::Missed),
        ("--------xx", Attainment::Missed),
        ("----------", Attainment::Open),
        ("mmmmmmmmmm", Attainment::Open),
        ("oommmmmmmm", Attainment::Met),
        ("dddddddddd", Attainment::Met),
    ] {
        assert_eq!(Availability::of(&line(text)).attains(wanted), attained, "{text}");
    }
}

proptest! {
    #[test]
    fn the_parts_add_up_to_the_span_whatever_happened(
        words in prop::collection::vec((-200i64..1_200, 0usize..5), 0..30),
        seen in prop::collection::vec((-100i64..1_100, 1i64..200), 0..8),
        planned in prop::collection::vec((-100i64..1_100, 1i64..200), 0..4),
        now in 0usize..5,
    ) {
        let kind = |place: usize| ['o', 'd', 'x', '?', '-'][place];
        let millis = |ms: i64| at(0) + TimeDelta::microseconds(ms * 1_333);
        let spans = |list: &[(i64, i64)]| -> Vec<Span> {
            list.iter().map(|(from, length)| Span { from: millis(*from), until: millis(from + length) }).collect()
        };
        let whole = Span { from: millis(0), until: millis(1_000) };
        let mut before = '-';
        let changes: Vec<HealthChange> = words.iter().map(|(since, to)| {
            let change = HealthChange { since: millis(*since), ..change(0, before, kind(*to)) };
            before = kind(*to);
            change
        }).collect();
        let (seen, planned) = (spans(&seen), spans(&planned));
        let line = Timeline::of_check(whole, &changes, (health(kind(now)), Some(millis(0))), &seen, &planned);
        let spells: Vec<(Span, Known)> = line.spells().collect();
        prop_assert_eq!(spells.first().map(|(spell, _)| spell.from), Some(whole.from));
        prop_assert_eq!(spells.last().map(|(spell, _)| spell.until), Some(whole.until));
        prop_assert!(spells.windows(2).all(|pair| pair[0].0.until == pair[1].0.from && pair[0].1 != pair[1].1));
        let time = Availability::of(&line);
        let length = (whole.until.timestamp_millis() - whole.from.timestamp_millis()) as u64;
        prop_assert_eq!(time.counted_ms() + time.maintenance_ms, length);
        prop_assert!(time.degraded_ms <= time.up_ms);
        // A second line beside it never makes more good time.
        let other = Timeline::of_check(whole, &[], (Health::Unknown, Some(whole.from)), &seen, &[]);
        let both = Availability::of(&Timeline::sum(whole, [&line, &other], []));
        prop_assert!(both.up_ms <= time.up_ms);
        prop_assert_eq!(both.counted_ms() + both.maintenance_ms, length);
    }
}

#[test]
fn functions_are_as_available_as_what_they_require() {
    let plan = super::super::tests::boards::plan();
    let environment: Id = "production".parse().unwrap();
    let id = |text: &str| -> Id { text.parse().unwrap() };
    let device = Uuid::from_u128(7);
    let noted = |sequence: u32, hour: i64, fact: Fact| Noted {
        entry: format!("{device}/{sequence}"),
        device,
        at: at(hour),
        fact,
    };
    let changed = |check: &str, change: HealthChange| Fact::HealthChanged {
        environment: environment.clone(),
        check: id(check),
        name: check.to_owned(),
        of: id("database"),
        plan: String::new(),
        change,
        answer: None,
    };
    let facts = [
        noted(1, -100, Fact::WatchStarted { environment: environment.clone() }),
        noted(2, -100, changed("answers", change(-100, '-', 'o'))),
        noted(3, -100, changed("port", change(-100, '-', 'o'))),
        noted(4, -100, changed("reads", change(-100, '-', 'o'))),
        noted(5, -100, changed("page", change(-100, '-', 'x'))),
        noted(6, -50, changed("port", change(-50, 'o', 'x'))),
        noted(7, -40, changed("port", change(-40, 'x', 'o'))),
        noted(
            8,
            -30,
            Fact::MaintenancePlanned {
                environment: environment.clone(),
                scope: Scope::Part(id("application")),
                from: at(-30),
                until: at(-10),
                reason: String::new(),
            },
        ),
        noted(
            9,
            -25,
            Fact::MaintenanceEnded {
                environment: environment.clone(),
                scope: Scope::Part(id("application")),
                entry: format!("{device}/8"),
            },
        ),
    ];
    let input = AvailabilityInput {
        plan: &plan,
        environment: &environment,
        facts: &facts,
        healths: &BTreeMap::new(),
        last: Some(at(0)),
        now: at(0),
    };
    let reports = input.reports().unwrap();
    assert_eq!(reports.iter().map(|report| report.days).collect::<Vec<_>>(), [30, 90]);
    let month = &reports[0];
    let time = |rows: &[AvailabilityRow], name: &str| rows.iter().find(|row| row.id.as_str() == name).unwrap().time;
    let database = time(&month.parts, "database");
    assert_eq!((database.up_ms, database.down_ms), (90 * HOUR, 10 * HOUR));
    assert_eq!(database.not_observed_ms, (720 - 100) * HOUR);
    // Orders require sign-in (and so the application, five hours in maintenance) and the database; messages, which
    // are out all the time, are merely used.
    let orders = time(&month.functions, "orders");
    assert_eq!((orders.up_ms, orders.degraded_ms, orders.down_ms), (85 * HOUR, 85 * HOUR, 10 * HOUR));
    assert_eq!(orders.maintenance_ms, 5 * HOUR);
    let row = month.functions.iter().find(|row| row.id.as_str() == "orders").unwrap();
    assert_eq!((row.target, row.tolerable), (Attainment::Missed, Attainment::Missed), "ten hours of a month is 1.4 %");
    let reports_function = time(&month.functions, "reports");
    assert_eq!(reports_function.known_ms(), 0, "its store has no check");
}
