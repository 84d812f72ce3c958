//! Supabase's management interface as a stand-in: one project whose state moves on each time it is asked for.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveTime, SecondsFormat, TimeDelta, Utc};
use hyper::Method;
use serde_json::{Value, json};

use super::{Asked, StandIn, Told, secret};
use crate::{cluster::random_text, error::RangeError};

const SERVICES: [&str; 8] = ["auth", "db", "db_postgres_user", "pooler", "realtime", "rest", "storage", "pg_bouncer"];
/// How often a project or a restore point is asked for before it is there.
const POLLS: u8 = 2;
const HEALTHY: &str = "ACTIVE_HEALTHY";

pub(super) struct Supabase {
    token: String,
    project: String,
    status: &'static str,
    /// What the project becomes, and after how many more questions.
    becomes: Option<(&'static str, u8)>,
    schedule: (String, DateTime<Utc>),
    began: DateTime<Utc>,
    /// When each was made, and how often it is still said to be pending.
    points: BTreeMap<String, (DateTime<Utc>, u8)>,
    newest_point: Option<String>,
    writes_until: Option<DateTime<Utc>>,
}

impl Supabase {
    pub(super) fn new() -> Result<Self, RangeError> {
        // Twenty lowercase letters out of digits of sixteen.
        let letters = random_text()?.bytes().take(20).map(|digit| char::from(b'a' + digit % 26)).collect();
        let began = Utc::now();
        Ok(Self {
            token: secret("sbp_", 44)?,
            project: letters,
            status: HEALTHY,
            becomes: None,
            schedule: ("04:00:00".to_owned(), began),
            began,
            points: BTreeMap::new(),
            newest_point: None,
            writes_until: None,
        })
    }

    /// The state that is told now; asking moves it on.
    fn polled(&mut self) -> &'static str {
        match &mut self.becomes {
            Some((_, left)) if *left > 0 => *left -= 1,
            Some((next, _)) => {
                self.status = *next;
                self.becomes = None;
            }
            None => {}
        }
        self.status
    }

    fn moves(&mut self, now: &'static str, then: &'static str, told: Told) -> Told {
        self.status = now;
        self.becomes = Some((then, POLLS));
        told
    }

    fn health(&self, asked: &Asked) -> Told {
        let all: Vec<(String, String)> = url::form_urlencoded::parse(asked.query.as_bytes()).into_owned().collect();
        let mut services = Vec::new();
        for (name, value) in &all {
            match name.as_str() {
                "services" if SERVICES.contains(&value.as_str()) => services.push(value),
                "timeout_ms" if value.parse::<u32>().is_ok_and(|time| time <= 10_000) => {}
                "services" | "timeout_ms" => return invalid(&format!("{name}: Invalid value")),
                other => return invalid(&format!("{other}: Unrecognized key")),
            }
        }
        if services.is_empty() {
            return invalid("services: Required");
        }
        let status = match self.status {
            HEALTHY => HEALTHY,
            "RESTORING" | "COMING_UP" => "COMING_UP",
            _ => "UNHEALTHY",
        };
        let told = |name: &&String| json!({"name": name, "healthy": status == HEALTHY, "status": status});
        Told::json(200, &Value::Array(services.iter().map(told).collect()))
    }

    fn backups(&self) -> Told {
        let day = |days| self.began - TimeDelta::days(days);
        let backup = |id: i64, status: &str| json!({"id": id, "is_physical_backup": true, "status": status, "inserted_at": text(day(id - 1))});
        Told::json(
            200,
            &json!({
                "region": "eu-west-1", "walg_enabled": true, "pitr_enabled": true,
                "backups": [backup(1, "COMPLETED"), backup(2, "COMPLETED"), backup(3, "FAILED")],
                "physical_backup_data": {
                    "earliest_physical_backup_date_unix": day(7).timestamp(),
                    "latest_physical_backup_date_unix": self.began.timestamp(),
                },
            }),
        )
    }

    fn scheduled(&self) -> Told {
        Told::json(200, &json!({"schedule_for": self.schedule.0, "updated_at": text(self.schedule.1)}))
    }

    fn point(&mut self, name: Option<&str>) -> Told {
        let name = name.map(str::to_owned).or_else(|| self.newest_point.clone());
        let Some((name, (made, left))) = name.and_then(|name| Some((name.clone(), self.points.get_mut(&name)?))) else {
            return message(404, "Restore point not found");
        };
        let pending = *left > 0;
        *left = left.saturating_sub(1);
        let (status, completed) = if pending { ("PENDING", None) } else { ("AVAILABLE", Some(text(*made))) };
        Told::json(200, &json!({"name": name, "status": status, "completed_on": completed}))
    }

    fn make_point(&mut self, body: &Value) -> Told {
        let name = match name_in(body) {
            Ok(name) => name,
            Err(told) => return told,
        };
        self.points.insert(name.clone(), (Utc::now(), POLLS));
        self.newest_point = Some(name.clone());
        Told::json(201, &json!({"name": name, "status": "PENDING", "completed_on": null}))
    }

    /// Takes the project back, if it runs and what is wanted is there.
    fn restores(&mut self, there: bool, missing: &str) -> Told {
        if self.status != HEALTHY {
            return message(400, "Project is not in an active state");
        }
        if !there {
            return message(400, missing);
        }
        self.moves("RESTORING", HEALTHY, empty(201))
    }

    fn post(&mut self, of: &[&str], asked: &Asked) -> Told {
        let body = asked.json().unwrap_or(Value::Null);
        match of {
            ["database", "backups", "restore-pitr"] => match fields(&body, &["recovery_time_target_unix"]) {
                Ok(()) => match body["recovery_time_target_unix"].as_i64() {
                    Some(unix) => {
                        let window = (self.began - TimeDelta::days(7)).timestamp()..=self.began.timestamp();
                        self.restores(window.contains(&unix), "Recovery time target is not within the window")
                    }
                    None => invalid("recovery_time_target_unix: Expected number"),
                },
                Err(told) => told,
            },
            ["database", "backups", "restore"] => match fields(&body, &["id"]) {
                Ok(()) => match body["id"].as_i64() {
                    Some(id) => self.restores((1..=2).contains(&id), "Backup not found"),
                    None => invalid("id: Expected number"),
                },
                Err(told) => told,
            },
            ["database", "backups", "restore-point"] => self.make_point(&body),
            ["database", "backups", "undo"] => match name_in(&body) {
                Ok(name) => {
                    let there = self.points.get(&name).is_some_and(|(_, left)| *left == 0);
                    self.restores(there, "Restore point not found")
                }
                Err(told) => told,
            },
            _ if !asked.body.is_empty() => invalid("Unexpected body"),
            ["readonly", "temporary-disable"] => {
                self.writes_until = Some(Utc::now() + TimeDelta::minutes(15));
                empty(201)
            }
            ["pause"] if self.status == HEALTHY => self.moves("PAUSING", "INACTIVE", empty(200)),
            ["restore"] if self.status == "INACTIVE" => self.moves("COMING_UP", HEALTHY, empty(200)),
            ["pause" | "restore"] => message(400, "Project is not in a state that allows this"),
            _ => message(404, "Cannot POST this"),
        }
    }
}

impl StandIn for Supabase {
    fn answer(&mut self, asked: &Asked) -> Told {
        if asked.header("authorization").strip_prefix("Bearer ") != Some(self.token.as_str()) {
            return message(401, "Unauthorized");
        }
        let segments = asked.segments();
        let of = match segments.as_slice() {
            ["v1", "projects", project, of @ ..] if *project == self.project => of,
            ["v1", "projects", project, ..] if project.len() == 20 => return message(404, "Project not found"),
            ["v1", "projects", ..] => return invalid("ref: Invalid project ref"),
            _ => return message(404, "Cannot find this"),
        };
        match (&asked.method, of) {
            (&Method::GET, []) => {
                let status = self.polled();
                let database = json!({
                    "host": "db.range.test", "version": "17.4", "postgres_engine": "17", "release_channel": "ga",
                });
                Told::json(
                    200,
                    &json!({
                        "id": self.project, "ref": self.project, "organization_slug": "range", "name": "Range",
                        "region": "eu-west-1", "created_at": text(self.began), "status": status, "database": database,
                    }),
                )
            }
            (&Method::GET, ["health"]) => self.health(asked),
            (&Method::GET, ["database", "backups"]) => self.backups(),
            (&Method::GET, ["database", "backups", "schedule"]) => self.scheduled(),
            (&Method::PATCH, ["database", "backups", "schedule"]) => {
                let body = asked.json().unwrap_or(Value::Null);
                match (fields(&body, &["schedule_for"]), body["schedule_for"].as_str()) {
                    (Err(told), _) => told,
                    (Ok(()), Some(at)) if at.len() == 8 && NaiveTime::parse_from_str(at, "%H:%M:%S").is_ok() => {
                        self.schedule = (at.to_owned(), Utc::now());
                        self.scheduled()
                    }
                    _ => invalid("Invalid schedule_for format"),
                }
            }
            (&Method::GET, ["database", "backups", "restore-point"]) => {
                self.point(asked.query().get("name").map(String::as_str))
            }
            (&Method::GET, ["readonly"]) => {
                let until = self.writes_until.filter(|until| *until > Utc::now());
                Told::json(
                    200,
                    &json!({
                        "enabled": false, "override_enabled": until.is_some(),
                        "override_active_until": text(until.unwrap_or(self.began)),
                    }),
                )
            }
            (&Method::POST, of) => self.post(of, asked),
            _ => message(404, "Cannot find this"),
        }
    }

    fn refusal(&self, status: u16, words: &str) -> Told {
        message(status, words)
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        vec![("project", self.project.clone())]
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![("range-supabase", self.token.clone())]
    }
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Whether a body has these fields and no other.
fn fields(body: &Value, wanted: &[&str]) -> Result<(), Told> {
    let Some(body) = body.as_object() else { return Err(invalid("Expected object")) };
    if let Some(missing) = wanted.iter().find(|name| !body.contains_key(**name)) {
        return Err(invalid(&format!("{missing}: Required")));
    }
    match body.keys().find(|name| !wanted.contains(&name.as_str())) {
        Some(odd) => Err(invalid(&format!("{odd}: Unrecognized key"))),
        None => Ok(()),
    }
}

fn name_in(body: &Value) -> Result<String, Told> {
    fields(body, &["name"])?;
    match body["name"].as_str() {
        Some(name) if name.len() <= 20 => Ok(name.to_owned()),
        Some(_) => Err(invalid("name: String must contain at most 20 character(s)")),
        None => Err(invalid("name: Expected string")),
    }
}

fn empty(status: u16) -> Told {
    Told { body: Vec::new(), ..Told::json(status, &Value::Null) }
}

fn invalid(words: &str) -> Told {
    message(400, words)
}

fn message(status: u16, words: &str) -> Told {
    Told::json(status, &json!({"message": words}))
}
