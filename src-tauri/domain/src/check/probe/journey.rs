//! What somebody does on the platform, step by step.

use std::collections::BTreeMap;

use super::Expectation;
use crate::plan::{
    id::Id,
    quantity::Period,
    read::{choice, table},
};

choice! {
    /// The HTTP methods a step may use.
    pub enum StepMethod {
        /// Ask for a resource.
        Get = "GET",
        /// Make one, or have something done.
        Post = "POST",
        /// Put one in its place.
        Put = "PUT",
        /// Change a part of one.
        Patch = "PATCH",
        /// Remove one.
        Delete = "DELETE",
    }
}

table! {
    /// A value of an answer that later steps use as `${name}`.
    pub struct Capture {
        /// What later steps call it.
        pub name: Id,
        /// Where it is in the body: a JSONPath (RFC 9535).
        pub json: Option<String>,
        /// Or the header it is.
        pub header: Option<String>,
        /// Whether it is taken out of everything that is kept, as a password is.
        pub secret: bool = false,
    }
}

table! {
    /// One request of a journey. Path, headers and body may hold `${name}`: a value carried over from an earlier step,
    /// `${run}`, which differs each time, and `${credential}`, the endpoint's, which may not stand in a path.
    pub struct JourneyStep {
        /// What somebody does here, such as `sign in`.
        pub name: String,
        /// How to ask.
        pub method: StepMethod = StepMethod::Get,
        /// The path below the endpoint's address.
        pub path: String,
        /// Headers to send.
        pub headers: BTreeMap<String, String>,
        /// The body to send, as JSON.
        pub body: Option<String>,
        /// What the answer has to be.
        pub expect: Vec<Expectation>,
        /// What is carried over to later steps.
        pub capture: Vec<Capture>,
    }
}

table! {
    /// `journey`: several HTTP requests, as somebody on the platform makes them. It ends at the first that fails; what
    /// cleans up is done in any case.
    pub struct JourneyProbe {
        /// The endpoint's name in the environment. Its credential is that of a test account.
        pub endpoint: Id,
        /// What is done.
        pub steps: Vec<JourneyStep>,
        /// What removes again what the steps made. A step whose values were never had is left out.
        pub clean_up: Vec<JourneyStep>,
        /// How much of the check's time is kept for cleaning up; a quarter when not said.
        pub clean_up_time: Option<Period>,
        /// Whether it may be made in production, where it changes things too.
        pub production: bool = false,
    }
}

impl JourneyProbe {
    /// How much of a check's time is kept for cleaning up.
    pub fn reserve(&self, timeout: Period) -> Period {
        if self.clean_up.is_empty() {
            return Period::from_millis(0);
        }
        self.clean_up_time.unwrap_or(Period::from_millis(timeout.as_millis() / 4))
    }

    /// The texts of a step that may hold places.
    pub fn texts(step: &JourneyStep) -> impl Iterator<Item = &str> {
        let headers = step.headers.values().map(String::as_str);
        std::iter::once(step.path.as_str()).chain(headers).chain(step.body.as_deref())
    }

    /// Whether any step needs the endpoint's credential.
    pub fn needs_credential(&self) -> bool {
        let steps = self.steps.iter().chain(&self.clean_up);
        steps.flat_map(Self::texts).any(|text| crate::places::names(text).any(|name| name == CREDENTIAL))
    }
}

/// The place of the endpoint's credential.
pub(crate) const CREDENTIAL: &str = "credential";
/// The place of a text that differs each time.
pub(crate) const RUN: &str = "run";
