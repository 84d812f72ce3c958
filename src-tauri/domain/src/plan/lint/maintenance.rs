//! The plan's own upkeep: reviews that are due, approvals that would stop an emergency.

use super::{FindingCode as Code, Linter, at, in_plan};

const FILE: &str = "maintenance.toml";

impl Linter<'_> {
    pub(super) fn maintenance(&mut self) {
        let document = &self.plan.document;
        if self.today > document.next_review.last_day() {
            let message = format!("the plan was to be reviewed by {}", document.next_review);
            self.find(Code::DocumentOverdue, message, [in_plan("document.next-review"), in_plan("document.updated")]);
        }
        for (id, review) in &self.plan.maintenance.reviews {
            let since = review.last.unwrap_or(document.updated);
            if review.due(document.updated).is_some_and(|due| self.today > due) {
                let (message, place) = match review.last {
                    Some(last) => (
                        format!("\"{}\" is {} and was last held {last}", review.name, review.every),
                        at(FILE, format!("reviews.{id}.last")),
                    ),
                    None => (
                        format!("\"{}\" is {} and was never held since {since}", review.name, review.every),
                        in_plan("document.updated"),
                    ),
                };
                self.find(Code::ReviewOverdue, message, [at(FILE, format!("reviews.{id}.every")), place]);
            }
        }
        for (id, rule) in &self.plan.maintenance.approvals {
            if rule.approvers.len() > 1 && rule.break_glass.is_none() {
                let message = format!(
                    "\"{}\" needs {} people, and nothing is said of emergencies",
                    rule.change,
                    rule.approvers.len()
                );
                self.find(Code::ApprovalWithoutBreakGlass, message, [at(FILE, format!("approvals.{id}"))]);
            }
        }
    }
}
