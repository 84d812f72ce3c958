//! Cloudflare as a stand-in: a zone with a load balancer and a record that remember, and a cache.

use hyper::Method;
use serde_json::{Value, json};

use super::{Asked, StandIn, Told, secret};
use crate::error::RangeError;

pub(super) struct Cloudflare {
    token: String,
    zone: String,
    load_balancer: Value,
    record: Value,
    pools: [String; 2],
    purges: u32,
}

impl Cloudflare {
    pub(super) fn new() -> Result<Self, RangeError> {
        let pools = [secret("", 32)?, secret("", 32)?];
        Ok(Self {
            token: secret("", 40)?,
            zone: secret("", 32)?,
            load_balancer: json!({
                "id": secret("", 32)?, "name": "api.range.test", "enabled": true, "proxied": true,
                "steering_policy": "off", "default_pools": pools, "fallback_pool": pools[1], "region_pools": {},
            }),
            record: json!({
                "id": secret("", 32)?, "name": "media.range.test", "type": "CNAME", "content": "storage.range.test",
                "ttl": 1, "proxied": true, "proxiable": true,
            }),
            pools,
            purges: 0,
        })
    }

    fn patch_load_balancer(&mut self, body: &Value) -> Told {
        let known = |pool: &Value| self.pools.iter().any(|known| pool == known);
        for (name, value) in body.as_object().into_iter().flatten() {
            let fits = match name.as_str() {
                "default_pools" => value.as_array().is_some_and(|pools| !pools.is_empty() && pools.iter().all(known)),
                "fallback_pool" => known(value),
                "enabled" | "proxied" => value.is_boolean(),
                _ => false,
            };
            if !fits {
                return error(400, 1002, &format!("{name}: validation failed"));
            }
        }
        patched(&mut self.load_balancer, body)
    }

    fn patch_record(&mut self, body: &Value) -> Told {
        for (name, value) in body.as_object().into_iter().flatten() {
            let fits = match name.as_str() {
                "content" | "name" | "type" => value.as_str().is_some_and(|text| !text.is_empty()),
                "proxied" => value.is_boolean(),
                "ttl" => value.as_u64().is_some_and(|ttl| ttl == 1 || (60..=86_400).contains(&ttl)),
                _ => false,
            };
            if !fits {
                return error(400, 9_005, &format!("DNS Validation Error: {name}"));
            }
        }
        patched(&mut self.record, body)
    }

    fn purge(&mut self, body: &Value) -> Told {
        let files = body["files"].as_array();
        let everything = body["purge_everything"] == true;
        let one = body.as_object().is_some_and(|body| body.len() == 1);
        if !one || !(everything || files.is_some_and(|files| (1..=30).contains(&files.len()))) {
            return error(400, 1_012, "Request must contain one of \"purge_everything\", \"files\", \"tags\"");
        }
        let webby = |file: &Value| file.as_str().is_some_and(|file| file.starts_with("https://"));
        if files.is_some_and(|files| !files.iter().all(webby)) {
            return error(400, 1_107, "Only files for zones on your account may be purged");
        }
        self.purges += 1;
        told(&json!({"id": format!("{:032x}", self.purges)}))
    }
}

impl StandIn for Cloudflare {
    fn answer(&mut self, asked: &Asked) -> Told {
        let segments = asked.segments();
        let Some(of) = segments.strip_prefix(&["client", "v4"]) else {
            return error(404, 7_000, "No route for that URI");
        };
        match asked.header("authorization").strip_prefix("Bearer ") {
            None => return error(400, 6_003, "Invalid request headers"),
            Some(token) if token == self.token => {}
            Some(_) if of.starts_with(&["user"]) => return error(401, 1_000, "Invalid API Token"),
            Some(_) => return error(403, 10_000, "Authentication error"),
        }
        let of = match of {
            ["user", "tokens", "verify"] if asked.method == Method::GET => {
                return told(&json!({"id": "ed17574386854bf78a67040be0a770b0", "status": "active"}));
            }
            ["zones", zone, of @ ..] if *zone == self.zone => of,
            ["zones", ..] => return error(404, 7_003, "Could not route, perhaps your object identifier is invalid?"),
            _ => return error(404, 7_000, "No route for that URI"),
        };
        let body = asked.json().filter(Value::is_object);
        match (&asked.method, of, body) {
            (&Method::GET, [], _) => {
                told(&json!({"id": self.zone, "name": "range.test", "status": "active", "paused": false}))
            }
            (&Method::GET, ["load_balancers", id], _) if self.load_balancer["id"] == **id => told(&self.load_balancer),
            (&Method::GET, ["dns_records", id], _) if self.record["id"] == **id => told(&self.record),
            (&Method::PATCH, ["load_balancers", id], Some(body)) if self.load_balancer["id"] == **id => {
                self.patch_load_balancer(&body)
            }
            (&Method::PATCH, ["dns_records", id], Some(body)) if self.record["id"] == **id => self.patch_record(&body),
            (&Method::POST, ["purge_cache"], Some(body)) => self.purge(&body),
            (&Method::PATCH | &Method::POST, _, None) => error(400, 6_007, "Malformed JSON in request body"),
            (_, ["load_balancers", _], _) => error(404, 1_001, "load balancer not found"),
            (_, ["dns_records", _], _) => error(404, 81_044, "Record does not exist."),
            _ => error(404, 7_000, "No route for that URI"),
        }
    }

    fn refusal(&self, status: u16, words: &str) -> Told {
        let code = match status {
            401 => 1_000,
            403 => 10_000,
            404 | 410 => 7_003,
            429 => 10_429,
            _ => 10_013,
        };
        error(status, code, words)
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        let id = |of: &Value| of["id"].as_str().unwrap_or_default().to_owned();
        vec![("zone", self.zone.clone()), ("load-balancer", id(&self.load_balancer)), ("record", id(&self.record))]
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![("range-cloudflare", self.token.clone())]
    }
}

fn patched(object: &mut Value, body: &Value) -> Told {
    for (name, value) in body.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
    told(object)
}

fn told(result: &Value) -> Told {
    Told::json(200, &json!({"success": true, "errors": [], "messages": [], "result": result}))
}

fn error(status: u16, code: i64, words: &str) -> Told {
    let failure = json!({"code": code, "message": words});
    Told::json(status, &json!({"success": false, "errors": [failure], "messages": [], "result": null}))
}
