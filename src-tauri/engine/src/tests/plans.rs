use sqlx::Connection as _;

use super::*;

#[tokio::test]
async fn a_plan_with_faults_does_not_replace_the_one_in_force() {
    let (place, script) = (Place::new(), Script::new());
    let engine = place.open(&script).await;
    let view = engine.plan_read().await.unwrap();
    assert_eq!((view.faults.len(), view.earlier_in_force, view.files.len()), (0, false, 4));
    let before = view.plan.unwrap().hash;

    place.write("checks.toml", "[checks.port]\nname = 3\n");
    let view = engine.plan_read().await.unwrap();
    assert!(view.plan.is_none() && !view.faults.is_empty() && view.earlier_in_force);
    assert_eq!(engine.board().await.unwrap().checks.len(), 2);

    place.write("checks.toml", &CHECKS.replace("Other port", "Another port"));
    let view = engine.plan_read().await.unwrap();
    assert!(view.faults.is_empty() && !view.earlier_in_force);
    assert_ne!(view.plan.unwrap().hash, before);
    assert_eq!(row(&engine.board().await.unwrap(), "other").name, "Another port");
    assert!(kinds(&engine).await.is_empty(), "reading a plan adopts nothing");
    engine.check_run(Some(vec![id("port")])).await.unwrap();
    assert_eq!(kinds(&engine).await, ["plan-adopted", "health-changed"]);
    engine.close().await;

    let engine = place.open(&script).await;
    engine.check_run(Some(vec![id("port")])).await.unwrap();
    let adopted = async || kinds(&engine).await.iter().filter(|kind| *kind == "plan-adopted").count();
    assert_eq!(adopted().await, 1, "the same plan is not adopted again");
    engine.watch().await.unwrap();
    place.write("checks.toml", CHECKS);
    engine.plan_read().await.unwrap();
    until("what is checked by is adopted while watching", || async {
        kinds(&engine).await.iter().filter(|kind| *kind == "plan-adopted").count() == 2
    })
    .await;
    engine.close().await;
}

#[tokio::test]
async fn an_adoption_that_could_not_be_noted_is_noted_when_the_journal_takes_it() {
    let (place, script) = (Place::new(), Script::new());
    let engine = place.open(&script).await;
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(place.home().join("journal.sqlite"));
    let mut connection = sqlx::SqliteConnection::connect_with(&file).await.unwrap();
    let refuse = "CREATE TRIGGER refused BEFORE INSERT ON entry WHEN NEW.kind = 'plan-adopted' \
                  BEGIN SELECT RAISE (ABORT, 'the disk says no'); END";
    sqlx::query(refuse).execute(&mut connection).await.unwrap();
    engine.watch().await.unwrap();
    until("the watch goes on without", || async {
        let kinds = kinds(&engine).await;
        kinds.contains(&"watch-started".to_owned()) && script.runs("Other port") > 1
    })
    .await;
    let adopted = async || kinds(&engine).await.iter().filter(|kind| *kind == "plan-adopted").count();
    assert_eq!(adopted().await, 0);
    sqlx::query("DROP TRIGGER refused").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    until("it is noted after all", || async { adopted().await == 1 }).await;
    engine.close().await;
}

#[tokio::test]
async fn whoever_only_reads_adopts_no_plan() {
    let (place, script) = (Place::new(), Script::new());
    let engine = place.open(&script).await;
    engine.board().await.unwrap();
    engine.plan_read().await.unwrap();
    engine.environments().await.unwrap();
    engine.check_read(id("port")).await.unwrap();
    engine.silences().await.unwrap();
    engine.journal_verify().await.unwrap();
    assert!(kinds(&engine).await.is_empty());
    engine.append(Fact::RangeStopped {}).await.unwrap();
    assert_eq!(kinds(&engine).await, ["plan-adopted", "range-stopped"], "a person acts by the plan");
    engine.close().await;
}

#[tokio::test]
async fn without_a_whole_plan_the_journal_still_opens() {
    let (place, script) = (Place::new(), Script::new());
    place.write("plan.toml", "what = ");
    let engine = place.open(&script).await;
    let problem = engine.board().await.unwrap_err();
    assert_eq!(problem.code, Code::PlanInvalid);
    assert!(problem.message.contains("plan.toml:1:"), "{problem}");
    assert_eq!(engine.check_run(None).await.unwrap_err().code, Code::PlanInvalid);
    let view = engine.plan_read().await.unwrap();
    assert!(!view.faults.is_empty() && !view.earlier_in_force);
    assert!(kinds(&engine).await.is_empty());
    engine.watch().await.unwrap();
    place.write("plan.toml", PLAN);
    engine.plan_read().await.unwrap();
    until("the watch begins with the plan", || async {
        engine.board().await.unwrap().watching == Watching::Here && script.runs("Database port") == 1
    })
    .await;
    engine.close().await;

    std::fs::remove_dir_all(place.plan()).unwrap();
    let engine = place.open(&script).await;
    assert_eq!(engine.board().await.unwrap_err().code, Code::PlanMissing);
    assert_eq!(engine.plan_read().await.unwrap_err().code, Code::PlanMissing);
    engine.close().await;
}

#[tokio::test]
async fn an_environment_nobody_has_is_refused_at_once() {
    let (place, script) = (Place::new(), Script::new());
    let options = Options { environment: Some(id("staging")), ..place.options() };
    let problem = Engine::open_with(options, script).await.unwrap_err();
    assert_eq!(problem.code, Code::EnvironmentUnknown);
    assert!(problem.hint.is_some());
}

#[tokio::test]
async fn the_bundled_plan_opens() {
    let (place, script) = (Place::new(), Script::new());
    let plan = crate::plans::bundled_plan(None).unwrap();
    assert!(plan.ends_with("samia-tarot"));
    let engine = Engine::open_with(Options { plan, ..place.options() }, script).await.unwrap();
    let board = engine.board().await.unwrap();
    assert_eq!(board.environment.id, id("production"));
    assert!(board.checks.len() >= 17);
    for row in &board.checks {
        let detail = engine.check_read(row.id.clone()).await.unwrap();
        assert!(detail.definition.len() >= 5, "{:?}", detail.definition);
    }
    engine.close().await;
}

#[test]
fn an_installed_plan_is_found_beside_the_program_and_in_packages() {
    let root = tempfile::tempdir().unwrap();
    let put = |path: &str| {
        let folder = root.path().join(path).join("plans/samia-tarot");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("plan.toml"), "").unwrap();
        folder.canonicalize().unwrap()
    };
    let bin = root.path().join("bin");
    let package = put("lib/Lifeboat");
    assert_eq!(crate::plans::installed_plan(Some(&bin)), Some(package));
    let beside = put("bin");
    assert_eq!(crate::plans::installed_plan(Some(&bin)), Some(beside));
}

#[test]
fn targets_of_the_script_are_what_the_environment_says() {
    let target = Target::Host {
        host: "db.example.org".to_owned(),
        port: 5432,
        server_name: "db.example.org".to_owned(),
        ca: None,
        private: false,
    };
    let place = Place::new();
    let plan = crate::plans::read(&place.plan()).unwrap().plan.unwrap().plan;
    let production = &plan.environments[&id("production")];
    assert_eq!(production.target(&id("database"), &BTreeMap::new()), Some(Ok(target)));
    assert!(default_home().is_absolute() || default_home() == Path::new(".lifeboat"));
}
