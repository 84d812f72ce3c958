//! Rules of the places an environment binds: no secret stands in an address, none travels unencrypted, and no address
//! is one that would never be connected to. What only a value on this computer decides is judged when it is asked.

use super::Judge;
use crate::{
    environment::{Endpoint, Template, TlsMode, address},
    plan::{Plan, id::Id},
};

/// The host in a template, when no value has a say in it.
fn fixed(host: &str) -> Option<&str> {
    (!host.is_empty() && !host.contains("${")).then_some(host)
}

/// The host of a server, which may have a port behind it.
fn host(server: &str) -> &str {
    match server.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') || host.ends_with(']') => host,
        Some(_) | None => server,
    }
}

/// An address as the plan writes it, in its parts.
struct Written<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    host: &'a str,
    /// From the first `?` or `#` on.
    asks: Option<&'a str>,
}

fn parts(url: &str) -> Option<Written<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let (place, asks) = match rest.find(['?', '#']) {
        Some(at) => (&rest[..at], Some(&rest[at..])),
        None => (rest, None),
    };
    let authority = place.split(['/', '\\']).next().unwrap_or(place);
    // A name and password may hold what ends a host elsewhere, so the last "@" counts, as in a browser.
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, authority),
    };
    let host = match place.find(']') {
        Some(end) => &place[..=end],
        None => place.split_once(':').map_or(place, |(host, _)| host),
    };
    Some(Written { scheme, user, host, asks })
}

impl Judge<'_> {
    pub(super) fn endpoints_are_safe(&mut self, plan: &Plan) {
        for (name, environment) in &plan.environments {
            let file = format!("environments/{name}.toml");
            for (id, endpoint) in &environment.endpoints {
                match endpoint {
                    Endpoint::Http(end) => self.url_is_safe(&file, id, "url", &end.url, end.credential.is_some()),
                    // Of a bucket's credential only a signature travels.
                    Endpoint::Bucket(end) => {
                        if let Some(url) = &end.url {
                            self.url_is_safe(&file, id, "url", url, false);
                        }
                    }
                    Endpoint::Host(end) => self.host_is_safe(&file, id, "host", end.host.as_written()),
                    Endpoint::Postgres(end) => {
                        let host = end.host.as_written();
                        self.host_is_safe(&file, id, "host", host);
                        let far = fixed(host).is_some_and(|host| !address::is_near(host));
                        if end.tls == TlsMode::Off && end.credential.is_some() && far {
                            self.unencrypted(&file, &format!("endpoints.{id}.tls"), "Remove \"tls\"");
                        }
                    }
                    Endpoint::Name(end) => {
                        for server in &end.servers {
                            self.host_is_safe(&file, id, "servers", host(server.as_written()));
                        }
                    }
                    Endpoint::Mail(end) => self.host_is_safe(&file, id, "host", end.host.as_written()),
                    Endpoint::PagerDuty(end) => {
                        self.url_is_safe(&file, id, "events-url", &end.events_url, true);
                        self.url_is_safe(&file, id, "url", &end.url, true);
                    }
                    Endpoint::Slack(end) => {
                        self.url_is_safe(&file, id, "hooks-url", &end.hooks_url, true);
                        self.url_is_safe(&file, id, "url", &end.url, true);
                    }
                    Endpoint::Fcm(end) => {
                        self.url_is_safe(&file, id, "token-url", &end.token_url, true);
                        self.url_is_safe(&file, id, "url", &end.url, true);
                    }
                    Endpoint::Twilio(end) => self.url_is_safe(&file, id, "url", &end.url, true),
                    Endpoint::Stripe(end) => self.url_is_safe(&file, id, "url", &end.url, true),
                    Endpoint::Square(end) => self.url_is_safe(&file, id, "url", &end.url, true),
                    Endpoint::Supabase(end) => self.url_is_safe(&file, id, "url", &end.url, true),
                    Endpoint::Cloudflare(end) => self.url_is_safe(&file, id, "url", &end.url, true),
                    Endpoint::Statuspage(end) => self.url_is_safe(&file, id, "url", &end.url, true),
                    // Nothing is connected to.
                    Endpoint::Folder(_) => {}
                }
            }
        }
    }

    fn url_is_safe(&mut self, file: &str, id: &Id, key: &str, url: &Template, with_credential: bool) {
        let field = format!("endpoints.{id}.{key}");
        let written = url.as_written();
        if written.starts_with("${") {
            return;
        }
        let Some(parts) = parts(written) else {
            let hint = "Write scheme and host, such as https://api.example.org.".to_owned();
            self.fault(file, &field, "not an address".to_owned(), Some(hint));
            return;
        };
        if parts.user.is_some() {
            let hint = "Store the secret in the keychain and name it as \"credential\".".to_owned();
            self.fault(file, &field, "an address holds no user and no password".to_owned(), Some(hint));
        }
        if parts.asks.is_some() {
            let hint = "Write it into the \"path\" of the check.".to_owned();
            self.fault(file, &field, "an endpoint's address has no query and no fragment".to_owned(), Some(hint));
        }
        if !["http", "https"].contains(&parts.scheme.to_ascii_lowercase().as_str()) && !parts.scheme.contains("${") {
            let hint = "Begin it with https://.".to_owned();
            self.fault(file, &field, format!("\"{}\" is not http or https", parts.scheme), Some(hint));
        }
        self.host_is_safe(file, id, key, parts.host);
        let far = fixed(parts.host).is_some_and(|host| !address::is_near(host));
        if with_credential && parts.scheme.eq_ignore_ascii_case("http") && far {
            self.unencrypted(file, &field, "Begin it with https://");
        }
    }

    fn host_is_safe(&mut self, file: &str, id: &Id, key: &str, host: &str) {
        let literal = fixed(host).and_then(address::literal);
        if let Some(refusal) = literal.and_then(|literal| address::judge(literal, true).err()) {
            let hint = "Write the name or the address of the server that is to be asked.".to_owned();
            self.fault(file, &format!("endpoints.{id}.{key}"), refusal.to_string(), Some(hint));
        }
    }

    fn unencrypted(&mut self, file: &str, field: &str, remedy: &str) {
        let hint = format!("{remedy}; only localhost and private addresses may do without.");
        self.fault(file, field, "the credential would travel unencrypted".to_owned(), Some(hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_as_a_browser_would() {
        for (url, user, host, asks) in [
            ("https://a.test", None, "a.test", None),
            ("https://a.test:8443/b/c", None, "a.test", None),
            ("https://a.test?x=1", None, "a.test", Some("?x=1")),
            ("https://a.test/b#c", None, "a.test", Some("#c")),
            ("https://u:p@a.test", Some("u:p"), "a.test", None),
            ("https://u:p@b.test@a.test:1/", Some("u:p@b.test"), "a.test", None),
            ("https://@a.test", Some(""), "a.test", None),
            ("https://a.test\\@b.test", None, "a.test", None),
            ("http://[::1]:80/x", None, "[::1]", None),
            ("http://127.0.0.1:${api.port}/p", None, "127.0.0.1", None),
            ("http://${host}:1", None, "${host}", None),
        ] {
            let written = parts(url).unwrap();
            assert_eq!((written.user, written.host, written.asks), (user, host, asks), "{url}");
        }
        assert!(parts("a.test").is_none());
    }
}
