//! The stand-ins, and the bundled plan's practice environment bound to them.

use std::{collections::BTreeMap, sync::Arc};

use lifeboat_domain::{
    Id,
    check::{Check, Probe, Sample, VendorProbe},
    environment::{Target, VendorTarget},
    plan::quantity::Period,
    provider::Vendor,
};
use lifeboat_engine::{
    plans,
    probe::{Attempt, Prober, Targets},
    secrets::{Fixed, Sensitive},
};
use lifeboat_range::vendor::{Asked, StandIns, VendorFault};

pub(crate) fn id(text: &str) -> Id {
    text.parse().unwrap()
}

/// What a test talks to. No test shares one.
pub(crate) struct World {
    pub(crate) stand_ins: StandIns,
    pub(crate) prober: Prober,
    pub(crate) targets: Targets,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let authority = folder.path().join("authority.pem");
        let stand_ins = StandIns::alone(&authority).await.unwrap();
        let mut values = stand_ins.values();
        values.insert("api.ca".to_owned(), authority.to_string_lossy().into_owned());
        let source = plans::bundled_plan(None).unwrap();
        let plan = plans::read(&source).unwrap().plan.unwrap().plan;
        let environment = &plan.environments[&id("range")];
        let targets: Targets = environment
            .endpoints
            .keys()
            .filter_map(|endpoint| Some((endpoint.clone(), environment.target(endpoint, &values)?)))
            .filter(|(_, target)| matches!(target, Ok(Target::Vendor(_))))
            .collect();
        let secrets = stand_ins.credentials().into_iter().map(|(handle, secret)| (id(handle), Sensitive::new(secret)));
        let prober = Prober::new(Arc::new(Fixed::new(secrets))).unwrap();
        Self { stand_ins, prober, targets, _folder: folder }
    }

    /// The same with other credentials: each of these handles stands for this secret.
    pub(crate) fn with_secret(&self, handle: &str, secret: &str) -> Prober {
        self.prober.with_secrets(Arc::new(Fixed::new([(id(handle), Sensitive::new(secret))])))
    }

    /// The secret the stand-ins accept under a handle.
    pub(crate) fn secret_of(&self, handle: &str) -> String {
        self.stand_ins.credentials()[handle].clone()
    }

    /// The same with these credentials and no others.
    pub(crate) fn with_secrets(&self, secrets: &[(&str, String)]) -> Prober {
        let secrets = secrets.iter().map(|(handle, secret)| (id(handle), Sensitive::new(secret)));
        self.prober.with_secrets(Arc::new(Fixed::new(secrets)))
    }

    /// The secrets whose handles begin so.
    pub(crate) fn secrets(&self, beginning: &str) -> Vec<(&'static str, String)> {
        let all = self.stand_ins.credentials().into_iter();
        all.filter(|(handle, _)| handle.starts_with(beginning)).collect()
    }

    /// The same places with one of them changed.
    pub(crate) fn with_target(&self, endpoint: &str, change: impl FnOnce(&mut VendorTarget)) -> Targets {
        let mut targets = self.targets.clone();
        if let Some(Ok(Target::Vendor(target))) = targets.get_mut(&id(endpoint)) {
            change(target);
        }
        targets
    }

    pub(crate) fn target(&self, endpoint: &str) -> &VendorTarget {
        match &self.targets[&id(endpoint)] {
            Ok(Target::Vendor(target)) => target,
            other => panic!("{endpoint} is bound to {other:?}"),
        }
    }

    /// Something to ask, within ten seconds.
    pub(crate) fn attempt(&self) -> Attempt<'_> {
        self.prober.attempt(&self.targets, Period::from_secs(10))
    }

    pub(crate) fn breaks(&self, vendor: Vendor, fault: VendorFault) {
        self.stand_ins.set_fault(vendor, Some(fault));
    }

    pub(crate) fn mends(&self, vendor: Vendor) {
        self.stand_ins.set_fault(vendor, None);
    }

    /// What the vendor was asked since last time this was called by a path with these words in it.
    pub(crate) fn asked(&self, vendor: Vendor, path: &str) -> Vec<Asked> {
        self.stand_ins.asked(vendor).into_iter().filter(|asked| asked.path.contains(path)).collect()
    }

    /// The check of kind `vendor`, once, within this time.
    pub(crate) async fn look(&self, prober: &Prober, endpoint: &str, within: Period) -> Sample {
        self.look_at(prober, &self.targets, endpoint, within).await
    }

    /// The same at other places.
    pub(crate) async fn look_at(&self, prober: &Prober, targets: &Targets, endpoint: &str, within: Period) -> Sample {
        let check = Check {
            name: "Test".to_owned(),
            of: id(endpoint),
            why: None,
            interval: Period::from_secs(60),
            timeout: within,
            failures: 1,
            retry: Period::from_secs(1),
            slow: None,
            probe: Probe::Vendor(VendorProbe { endpoint: id(endpoint) }),
        };
        prober.probe(&check, targets).await
    }
}

/// The words of a sample by verdict, for tables.
pub(crate) fn told(sample: &Sample) -> (lifeboat_domain::check::Verdict, &str) {
    (sample.verdict, sample.reason.as_str())
}

/// Pairs of a query or a form.
pub(crate) fn form(text: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

/// The body as JSON.
pub(crate) fn json(asked: &Asked) -> serde_json::Value {
    serde_json::from_slice(&asked.body).unwrap()
}
