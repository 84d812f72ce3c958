//! The background process: builds the range part by part, keeps it alive, takes orders, and removes it at the end,
//! whether it is told to end, gets a signal, or could not be built.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use chrono::{SecondsFormat, Utc};
use lifeboat_domain::Problem;
use sqlx::postgres::PgPoolOptions;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Phase, RangeStatus, Size, backup,
    bucket_settings::Settings,
    certificate,
    cluster::{Cluster, DATABASE, Passwords, random_text},
    control,
    customer::Customer,
    data::{self, BACKUPS, Extent, Life, MEDIA},
    error::RangeError,
    fault::Fault,
    listener::{Listening, listen},
    names::Names,
    object_store,
    place::{Place, blocking, private_folder, remove_file, write_private},
    platform_api::{Platform, PlatformApi},
    process::Process,
    progress::{Line, Teller, end_with_starter},
    state::{Bindings, Record},
    tools::Tools,
    vendor::StandIns,
};

/// Steps of building besides those of filling the database.
const STEPS: u32 = 7;

/// How long the servers outlive their values. A checker looks at the values each second, and what it has begun by then
/// should find its server.
const LINGER: Duration = Duration::from_millis(1_500);

/// A range that is up, part by part.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) place: Place,
    pub(crate) tools: Tools,
    pub(crate) passwords: Passwords,
    pub(crate) primary: Cluster,
    pub(crate) standby: Cluster,
    pub(crate) platform: Arc<Platform>,
    pub(crate) api: PlatformApi,
    pub(crate) settings: Arc<Settings>,
    pub(crate) names: Names,
    pub(crate) vendors: StandIns,
    store: Listening,
    life: JoinHandle<()>,
}

/// What the background process is doing, as those who ask it see it.
#[derive(Debug)]
pub(crate) struct Serving {
    place: Place,
    record: Mutex<Record>,
    range: OnceLock<Range>,
    /// Faults are switched one after the other.
    faults: tokio::sync::Mutex<BTreeSet<Fault>>,
    ending: CancellationToken,
}

/// Runs a range until it is told to end.
pub(crate) async fn serve(home: &Path, size: Size) -> Result<(), RangeError> {
    let extent = Extent::of(size);
    let mut teller = Teller::from_environment(STEPS + extent.steps());
    let result = run(home, size, extent, &mut teller).await;
    if let Err(error) = &result {
        teller.tell(&Line::Failed(Problem::from(error)));
    }
    result
}

async fn run(home: &Path, size: Size, extent: Extent, teller: &mut Teller) -> Result<(), RangeError> {
    let place = Place::prepare(home)?;
    let lock = place.lock()?;
    let ending = CancellationToken::new();
    end_on_signals(&ending)?;
    if teller.is_heard() {
        end_with_starter(ending.clone());
    }
    let orders = listen().await?;
    let control_port = orders.local_addr().map_err(RangeError::file("listen for", "orders"))?.port();
    let record = Record {
        process: Process::own()?,
        phase: Phase::Starting,
        size,
        since: None,
        control: control_port,
        token: random_text()?,
        faults: Vec::new(),
        ports: vec![("control".to_owned(), control_port)],
    };
    record.write(&place)?;
    let serving = Arc::new(Serving {
        place: place.clone(),
        record: Mutex::new(record),
        range: OnceLock::new(),
        faults: tokio::sync::Mutex::new(BTreeSet::new()),
        ending: ending.clone(),
    });
    let control = control::serve(orders, Arc::clone(&serving))?;

    let built = tokio::select! {
        built = build(&place, extent, &ending, teller) => built,
        () = ending.cancelled() => Err(RangeError::Interrupted),
    };
    let outcome = match built {
        Ok((range, bindings)) => {
            let ready = serving.come_up(range).and_then(|()| bindings.write(&place));
            if ready.is_ok() {
                teller.tell(&Line::Ready);
                serving.until_the_end().await;
                // The values go first and the servers after those who check have seen it. The other way round the
                // servers' absence would look like an outage; without values a check says that the range is not up.
                remove_file(&place.bindings())?;
                sleep(LINGER).await;
            }
            ready
        }
        Err(error) => Err(error),
    };
    // Stops what still builds beside this task.
    ending.cancel();
    remove_file(&place.bindings())?;
    control.close().await;
    // The control's task held the other handle, and has ended.
    if let Some(range) = Arc::into_inner(serving).and_then(|serving| serving.range.into_inner()) {
        range.end().await;
    }
    place.remove(lock).await?;
    outcome
}

/// A key in the terminal, a `kill`, a closed terminal: all mean to end in order.
fn end_on_signals(ending: &CancellationToken) -> Result<(), RangeError> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut signals = signal(kind).map_err(RangeError::file("listen for", "signals"))?;
        let ending = ending.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = signals.recv() => ending.cancel(),
                () = ending.cancelled() => {}
            }
        });
    }
    Ok(())
}

/// Builds every part, first what takes longest.
async fn build(
    place: &Place,
    extent: Extent,
    ending: &CancellationToken,
    teller: &mut Teller,
) -> Result<(Range, Bindings), RangeError> {
    teller.step("Clearing the ground and looking for PostgreSQL");
    place.clear().await?;
    let tools = Tools::find(&place.data).await?;
    place.create_data()?;
    let archive = place.data.join("archive");
    private_folder(&archive)?;
    tools.give(&archive, 0o700)?;
    object_store::create_buckets(&place.objects())?;
    let passwords = Passwords::draw()?;
    passwords.lay_down(&tools)?;
    // Held until the servers take them, so that no other range finds them free.
    let (for_primary, for_standby) = (listen().await?, listen().await?);
    let primary = Cluster::new("primary", &place.data, port(&for_primary)?, &tools);
    let standby = Cluster::new("standby", &place.data, port(&for_standby)?, &tools);

    let (bucket, stop) = (place.objects().join(MEDIA), ending.clone());
    let media = tokio::spawn(blocking(move || data::write_media(&bucket, extent, &stop)));
    teller.step("Creating the primary database");
    primary.create(&passwords).await?;
    drop(for_primary);
    primary.start_for_filling().await?;
    data::fill(&primary, &passwords, extent, |step| teller.step(step)).await?;
    teller.step(format!("Writing {} media objects", extent.media));
    media.await.map_err(|_| RangeError::Interrupted)??;

    teller.step("Starting the primary database with its log archive");
    primary.stop().await?;
    primary.start().await?;
    teller.step("Copying the primary to a standby, and taking a backup");
    drop(for_standby);
    tokio::try_join!(
        async {
            standby.copy_from(&primary).await?;
            standby.start().await
        },
        backup::take(&tools, &primary, &passwords, place, place.objects().join(BACKUPS)),
    )?;

    teller.step("Opening the object store and the platform's API");
    let (access_key, secret_key) = (format!("RANGE{}", &random_text()?[..15].to_uppercase()), random_text()?);
    let settings = Arc::new(Settings::default());
    let keys = (access_key.as_str(), secret_key.as_str());
    let store = object_store::serve(listen().await?, &place.objects(), Arc::clone(&settings), keys)?;
    let names = Names::serve().await?;
    let identity = certificate::create()?;
    let vendors = StandIns::start(&identity, place.data.join("mails")).await?;
    write_private(&place.authority(), identity.authority.as_bytes())?;
    let pool = PgPoolOptions::new()
        .max_connections(6)
        .acquire_timeout(Duration::from_secs(2))
        .connect_lazy_with(primary.options("platform", &passwords.platform, DATABASE));
    let bucket = place.objects().join(MEDIA);
    let platform = Arc::new(Platform {
        pool: pool.clone(),
        bucket: bucket.clone(),
        slow: AtomicBool::new(false),
        degraded: AtomicBool::new(false),
        customer: Customer::new()?,
    });
    let api = PlatformApi::start(Arc::clone(&platform), identity.server, listen().await?, listen().await?)?;
    let life = tokio::spawn(Life { pool, bucket, aside: place.aside(), media: extent.media }.live());
    let range = Range {
        place: place.clone(),
        tools,
        passwords,
        primary,
        standby,
        platform,
        api,
        settings,
        names,
        vendors,
        store,
        life,
    };
    let bindings = range.bindings((access_key, secret_key))?;

    teller.step("Waiting until every part answers");
    range.follow(&BTreeSet::new()).await?;
    range.archive_until("last_archived_time IS NOT NULL").await?;
    Ok((range, bindings))
}

fn port(listener: &TcpListener) -> Result<u16, RangeError> {
    listener.local_addr().map(|address| address.port()).map_err(RangeError::file("listen for", "a database"))
}

impl Range {
    fn bindings(&self, (access_key, secret_key): (String, String)) -> Result<Bindings, RangeError> {
        let (plain, secure) = self.api.ports();
        let path = |path: PathBuf| path.to_string_lossy().into_owned();
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut values = self.vendors.values();
        values.extend(
            [
                ("api.port", plain.to_string()),
                ("api.tls-port", secure.to_string()),
                ("api.ca", path(self.place.authority())),
                ("dumps.folder", path(self.place.dumps())),
                ("names.port", self.names.port.to_string()),
                ("primary.port", self.primary.port.to_string()),
                ("standby.port", self.standby.port.to_string()),
                ("objects.port", self.store.port.to_string()),
                ("objects.access-key", access_key),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let mut credentials = self.vendors.credentials();
        credentials.extend([
            ("range-database", self.passwords.monitor.clone()),
            ("range-objects", secret_key),
            ("range-test-account", self.platform.customer.password.clone()),
        ]);
        Ok(Bindings {
            process: Process::own()?,
            // The backup job has run: a backup was taken while the range came up.
            beats: BTreeMap::from([("database-backup-job", now.clone())]),
            bound_at: now,
            values,
            credentials,
        })
    }

    fn ports(&self) -> Vec<(String, u16)> {
        let (plain, secure) = self.api.ports();
        let vendors = self.vendors.vendors().into_iter();
        let vendors = vendors.filter_map(|vendor| Some((vendor.word().to_owned(), self.vendors.port(vendor)?)));
        let parts = [
            ("platform-api", plain),
            ("platform-api-tls", secure),
            ("primary-database", self.primary.port),
            ("standby-database", self.standby.port),
            ("object-store", self.store.port),
            ("names", self.names.port),
        ]
        .map(|(name, port)| (name.to_owned(), port));
        parts.into_iter().chain(vendors).collect()
    }

    /// Ends every part in order. What will not end is ended with the data folder.
    async fn end(self) {
        self.life.abort();
        self.api.close().await;
        self.store.close().await;
        self.names.close().await;
        self.vendors.close().await;
        self.platform.pool.close().await;
        for cluster in [&self.standby, &self.primary] {
            if let Err(error) = cluster.stop().await {
                tracing::warn!(%error, "a database did not end in order");
            }
        }
    }
}

impl Serving {
    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        // A record is replaced field by field; none is ever half written.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an order has to carry.
    pub(crate) fn token(&self) -> String {
        self.record().token.clone()
    }

    /// The range as it is now.
    pub(crate) fn status(&self) -> RangeStatus {
        let record = self.record();
        let detail = match (record.phase, record.faults.len()) {
            (Phase::Starting, _) => "coming up".to_owned(),
            (_, 0) => "up, everything works".to_owned(),
            (_, 1) => format!("up, with the fault {}", record.faults[0]),
            (_, count) => format!("up, with {count} faults"),
        };
        record.status(detail)
    }

    /// Begins to end.
    pub(crate) fn end(&self) {
        self.ending.cancel();
    }

    fn come_up(&self, range: Range) -> Result<(), RangeError> {
        let mut record = self.record();
        record.phase = Phase::Up;
        record.since = Some(Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true));
        record.ports.splice(0..0, range.ports());
        record.write(&self.place)?;
        let _ = self.range.set(range);
        Ok(())
    }

    /// Waits for the end; a home that was deleted under the range is one.
    async fn until_the_end(&self) {
        let mut looks = tokio::time::interval(Duration::from_secs(2));
        loop {
            tokio::select! {
                () = self.ending.cancelled() => return,
                _ = looks.tick() => if !self.place.state().exists() { return },
            }
        }
    }

    fn up(&self) -> Result<&Range, RangeError> {
        self.range.get().ok_or_else(|| RangeError::Down { home: self.place.home.clone() })
    }

    /// Switches a fault on. One that cannot be switched on whole is taken back.
    pub(crate) async fn inject(&self, name: &str) -> Result<RangeStatus, RangeError> {
        let fault = Fault::named(name)?;
        let range = self.up()?;
        let mut faults = self.faults.lock().await;
        if faults.insert(fault) {
            if let Err(error) = range.break_part(fault).await {
                let refused = matches!(error, RangeError::PrimaryStopped { .. });
                if refused || range.mend_part(fault, &faults).await.is_ok() {
                    faults.remove(&fault);
                }
                self.keep(&faults)?;
                return Err(error);
            }
            faults.retain(|other| !fault.replaces(*other));
            self.keep(&faults)?;
        }
        Ok(self.status())
    }

    /// Switches one fault off, or all, and sees to it that the parts work.
    pub(crate) async fn mend(&self, name: Option<&str>) -> Result<RangeStatus, RangeError> {
        let range = self.up()?;
        let chosen = name.map(Fault::meant).transpose()?;
        let mut faults = self.faults.lock().await;
        // Parts are seen to work whether they were broken or not; a stand-in has nothing to be seen to.
        let chosen = chosen.unwrap_or_else(Fault::all).into_iter();
        let chosen: Vec<Fault> =
            chosen.filter(|fault| !matches!(fault, Fault::Vendor(..)) || faults.contains(fault)).collect();
        for fault in chosen {
            range.mend_part(fault, &faults).await?;
            faults.remove(&fault);
            self.keep(&faults)?;
        }
        Ok(self.status())
    }

    fn keep(&self, faults: &BTreeSet<Fault>) -> Result<(), RangeError> {
        let mut record = self.record();
        record.faults = faults.iter().map(|fault| fault.name()).collect();
        record.write(&self.place)
    }
}
