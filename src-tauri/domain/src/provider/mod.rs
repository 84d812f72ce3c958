//! Providers: services of others that the platform and its people depend on, as this program talks to them.
//!
//! What was asked of one is classed here ([`Answer`]), and whether it is asked at all ([`breaker`]). Talking is the
//! engine's; what stands where is the environment's.

pub mod answer;
pub mod breaker;
pub mod cloudflare;
pub mod supabase;

pub use self::answer::{Answer, Class, Effect, Observation, Refusal, Standing, StandingClaim};
pub use self::breaker::{Breaker, BreakerMemory, BreakerPhase, BreakerRule, BreakerView, Forced, HeldBack, Permit};
use crate::plan::read::choice;

choice! {
    /// The vendors whose interfaces this program speaks.
    pub enum Vendor {
        /// PagerDuty.
        PagerDuty = "pagerduty",
        /// Slack.
        Slack = "slack",
        /// Twilio.
        Twilio = "twilio",
        /// Firebase Cloud Messaging.
        Fcm = "fcm",
        /// A mail server, by SMTP.
        Mail = "mail",
        /// Stripe.
        Stripe = "stripe",
        /// Square.
        Square = "square",
        /// Supabase's management interface.
        Supabase = "supabase",
        /// Cloudflare.
        Cloudflare = "cloudflare",
        /// Statuspage, with our own page.
        Statuspage = "statuspage",
    }
}

impl Vendor {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PagerDuty => "PagerDuty",
            Self::Slack => "Slack",
            Self::Twilio => "Twilio",
            Self::Fcm => "Firebase Cloud Messaging",
            Self::Mail => "mail server",
            Self::Stripe => "Stripe",
            Self::Square => "Square",
            Self::Supabase => "Supabase",
            Self::Cloudflare => "Cloudflare",
            Self::Statuspage => "Statuspage",
        }
    }
}
