//! How a person wants to see things on this computer, and by what name they act here. One small file in the home that may
//! be edited by hand: what cannot be understood in it counts as not said. It is nobody's evidence.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use lifeboat_domain::problem::{Code, Problem};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use ts_rs::TS;

/// The longest name, in characters.
const LONGEST_NAME: usize = 80;

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
        #[serde(rename_all = "kebab-case")]
        #[ts(export)]
        pub enum $name { $($(#[$variant_meta])* $variant),* }
    };
}

words! {
    /// What a person mostly does here, so that what they need stands first.
    Role {
        /// Commands incidents.
        #[default]
        Commander,
        /// Answers for plans, drills and reports.
        Manager,
        /// Wants to know how it stands.
        Executive,
    }
}

words! {
    /// Light or dark.
    Theme {
        /// As the desktop has it.
        #[default]
        System,
        /// Light.
        Light,
        /// Dark.
        Dark,
    }
}

words! {
    /// Room between rows.
    Density {
        /// Little.
        #[default]
        Compact,
        /// More.
        Comfortable,
    }
}

words! {
    /// Whether anything moves.
    Motion {
        /// As the desktop has it.
        #[default]
        System,
        /// Nothing does.
        Reduced,
    }
}

words! {
    /// How large text is.
    TextSize {
        /// As designed.
        #[default]
        Usual,
        /// An eighth larger.
        Larger,
        /// A quarter larger.
        Largest,
    }
}

/// What a person chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Settings {
    /// The name to act by, for the journal; nothing means the name of the login.
    pub name: Option<String>,
    /// What this person mostly does.
    pub role: Role,
    /// Light or dark.
    pub theme: Theme,
    /// Room between rows.
    pub density: Density,
    /// Whether anything moves.
    pub motion: Motion,
    /// How large text is.
    pub text: TextSize,
    /// The zone shown beside UTC: `local`, `utc`, or a name such as `Europe/Paris`.
    pub zone: String,
    /// Whether single letters are keys.
    pub letters: bool,
    /// Whether the desktop tells of what needs a person.
    pub notifications: bool,
    /// Whether an outage is heard as well.
    pub sound: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: None,
            role: Role::default(),
            theme: Theme::default(),
            density: Density::default(),
            motion: Motion::default(),
            text: TextSize::default(),
            zone: "local".to_owned(),
            letters: true,
            notifications: true,
            sound: true,
        }
    }
}

fn path(home: &Path) -> PathBuf {
    home.join("settings.toml")
}

/// What was chosen; what was not, or cannot be read, is as it comes.
pub fn read(home: &Path) -> Settings {
    let text = match fs::read_to_string(path(home)) {
        Ok(text) => text,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, "the settings could not be read");
            }
            return Settings::default();
        }
    };
    let table: toml::Table = text.parse().unwrap_or_else(|error| {
        tracing::warn!(%error, "the settings are not understood");
        toml::Table::new()
    });
    let usual = Settings::default();
    let name: Option<String> = field(&table, "name", None);
    Settings {
        name: name.and_then(|name| named(&name).ok()).flatten(),
        role: field(&table, "role", usual.role),
        theme: field(&table, "theme", usual.theme),
        density: field(&table, "density", usual.density),
        motion: field(&table, "motion", usual.motion),
        text: field(&table, "text", usual.text),
        zone: Some(field(&table, "zone", usual.zone.clone())).filter(|zone| is_zone(zone)).unwrap_or(usual.zone),
        letters: field(&table, "letters", usual.letters),
        notifications: field(&table, "notifications", usual.notifications),
        sound: field(&table, "sound", usual.sound),
    }
}

fn field<T: DeserializeOwned>(table: &toml::Table, name: &str, otherwise: T) -> T {
    table.get(name).and_then(|value| value.clone().try_into().ok()).unwrap_or(otherwise)
}

/// Keeps what was chosen: all of it or nothing, whenever the computer stops. Answers with what is kept.
///
/// # Errors
/// When the name or the zone cannot be used, or the file cannot be written.
pub fn write(home: &Path, settings: Settings) -> Result<Settings, Problem> {
    if !is_zone(&settings.zone) {
        return Err(Problem::new(Code::Usage, "this is no time zone")
            .hint("Choose one of the list, such as Europe/Paris.")
            .field("zone"));
    }
    let name = settings.name.as_deref().map_or(Ok(None), named)?;
    let settings = Settings { name, ..settings };
    let text = toml::to_string(&settings)
        .map_err(|error| Problem::bug(format!("the settings could not be put into words: {error}")))?;
    let path = path(home);
    replace(&path, text.as_bytes()).map_err(|error| {
        Problem::new(Code::PermissionDenied, format!("the settings could not be kept: {error}"))
            .hint(format!("See that there is room, and that you may write {}.", path.display()))
    })?;
    Ok(settings)
}

/// Writes beside the file, has it on disk, then puts it in its place. Only its owner can read it.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    use io::Write as _;
    if let Some(home) = path.parent() {
        crate::journal::make_home(home).map_err(io::Error::other)?;
    }
    let beside = path.with_extension(format!("new-{}", uuid::Uuid::now_v7()));
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    })();
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// A name as it is kept; nothing when it is empty.
fn named(name: &str) -> Result<Option<String>, Problem> {
    let name = name.trim();
    if name.chars().any(char::is_control) || name.chars().count() > LONGEST_NAME {
        return Err(Problem::new(Code::Usage, "this name cannot be used")
            .hint(format!("Use at most {LONGEST_NAME} letters on one line."))
            .field("name"));
    }
    Ok(Some(name.to_owned()).filter(|name| !name.is_empty()))
}

/// Whether it looks like the name of a zone. Which zones there are, the window knows.
fn is_zone(zone: &str) -> bool {
    !zone.is_empty()
        && zone.len() <= 64
        && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_there_again_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        assert_eq!(read(home.path()), Settings::default());
        let chosen = Settings {
            name: Some(" R. Haddad ".to_owned()),
            role: Role::Manager,
            theme: Theme::Dark,
            text: TextSize::Largest,
            zone: "Europe/Paris".to_owned(),
            letters: false,
            notifications: false,
            sound: false,
            ..Settings::default()
        };
        let kept = write(home.path(), chosen).unwrap();
        assert_eq!(kept.name.as_deref(), Some("R. Haddad"));
        assert_eq!(read(home.path()), kept);
        assert_eq!(fs::metadata(path(home.path())).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing is left beside it");
        let nameless = write(home.path(), Settings { name: Some("  ".to_owned()), ..kept }).unwrap();
        assert_eq!((nameless.name, read(home.path()).name), (None, None));
    }

    #[test]
    fn what_is_not_understood_counts_as_not_said() {
        let home = tempfile::tempdir().unwrap();
        for (text, expected) in [
            ("", Settings::default()),
            ("theme = ", Settings::default()),
            (
                "theme = \"dark\"\ndensity = \"huge\"\nletters = 3\nnew = 1\nzone = \"../x y\"\nname = \"a\\nb\"",
                Settings { theme: Theme::Dark, ..Settings::default() },
            ),
        ] {
            fs::write(path(home.path()), text).unwrap();
            assert_eq!(read(home.path()), expected, "{text}");
        }
        fs::write(path(home.path()), [0xff, 0xfe]).unwrap();
        assert_eq!(read(home.path()), Settings::default());
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_field_and_changes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let kept = write(home.path(), Settings { theme: Theme::Light, ..Settings::default() }).unwrap();
        for (settings, field) in [
            (Settings { name: Some("a\u{7}b".to_owned()), ..Settings::default() }, "name"),
            (Settings { name: Some("a".repeat(81)), ..Settings::default() }, "name"),
            (Settings { zone: String::new(), ..Settings::default() }, "zone"),
            (Settings { zone: "Europe Paris".to_owned(), ..Settings::default() }, "zone"),
        ] {
            assert_eq!(write(home.path(), settings).unwrap_err().field.as_deref(), Some(field));
            assert_eq!(read(home.path()), kept);
        }
    }
}
