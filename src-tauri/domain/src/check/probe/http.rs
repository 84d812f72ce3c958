//! One HTTP request and what its answer has to be.

use std::collections::BTreeMap;

use super::Otherwise;
use crate::plan::{
    id::Id,
    read::{choice, table},
};

choice! {
    /// The HTTP methods a check may use; a check never changes anything.
    pub enum Method {
        /// Ask for the resource.
        Get = "GET",
        /// Ask for the headers only.
        Head = "HEAD",
    }
}

table! {
    /// One expectation of an answer. It names one subject (`status`, `json` or `text`); `json` also takes one
    /// comparison. Without any `status` expectation, 200 to 299 is expected.
    pub struct Expectation {
        /// The statuses that are fine.
        pub status: Vec<u16>,
        /// A JSONPath (RFC 9535) into the body, such as `$.database.status`.
        pub json: Option<String>,
        /// A text the body has to contain.
        pub text: Option<String>,
        /// The JSON value has to equal this.
        pub is: Option<serde_json::Value>,
        /// The JSON value must differ from this.
        pub is_not: Option<serde_json::Value>,
        /// The JSON value has to be one of these.
        pub one_of: Vec<serde_json::Value>,
        /// The JSON value has to be a number up to this.
        pub at_most: Option<f64>,
        /// The JSON value has to be a number from this.
        pub at_least: Option<f64>,
        /// The verdict when it does not hold.
        pub otherwise: Otherwise = Otherwise::Outage,
    }
}

table! {
    /// `http`: one request, judged by status, body and time.
    pub struct HttpProbe {
        /// The endpoint's name in the environment.
        pub endpoint: Id,
        /// The path below the endpoint's address.
        pub path: String = "/".to_owned(),
        /// How to ask.
        pub method: Method = Method::Get,
        /// Headers to send; never secrets, those belong to the endpoint's credential.
        pub headers: BTreeMap<String, String>,
        /// Whether redirects are followed, at most 5, and never from `https` to `http`. The credential and the headers
        /// go to the endpoint's own origin only.
        pub follow: bool = false,
        /// What the answer has to be.
        pub expect: Vec<Expectation>,
    }
}
