//! What a provider says of itself.

use crate::plan::{
    id::Id,
    read::{choice, table},
};

choice! {
    /// The shape of a provider's status feed.
    pub enum Feed {
        /// Statuspage v2: `/api/v2/summary.json`.
        Statuspage = "statuspage",
        /// Stripe: `/current/full`.
        Stripe = "stripe",
        /// Google: `/incidents.json`.
        Google = "google",
        /// Slack: `/api/v2.0.0/current`.
        Slack = "slack",
    }
}

table! {
    /// `status-page`: what a provider says of itself. Never enough alone to decide a restore.
    pub struct StatusPageProbe {
        /// The endpoint's name in the environment.
        pub endpoint: Id,
        /// The feed's shape.
        pub feed: Feed = Feed::Statuspage,
        /// Only these components of the page, by name; empty means the page's own sum.
        pub components: Vec<String>,
    }
}
