use super::*;
use crate::plan::{LoadedPlan, tests::bundled};

#[test]
fn print() {
    let loaded = LoadedPlan::read(&bundled()).unwrap();
    for finding in lint(&loaded.plan, &loaded.places, NaiveDate::from_ymd_opt(2026, 11, 23).unwrap()) {
        println!("{} {}: {}", finding.severity, finding.code, finding.message);
        for place in &finding.places {
            println!("      {}:{}:{}", place.file, place.line, place.column);
        }
    }
}
