//! What is asked of a monitoring plug-in.

use crate::{
    environment::Target,
    places,
    plan::{id::Id, read::table},
};

table! {
    /// `plugin`: a program that follows the guidelines of the monitoring plug-ins, run without a shell. It ends with 0
    /// (operational), 1 (degraded), 2 (outage) or 3 (unknown); its first line is the reason.
    pub struct PluginProbe {
        /// The endpoint whose values fill in the command, and whose credential it gets.
        pub endpoint: Option<Id>,
        /// The program by its absolute path, then each argument. `${host}`, `${port}`, `${server-name}`, `${url}`,
        /// `${database}`, `${user}`, `${bucket}` and `${region}` are the endpoint's.
        pub command: Vec<String>,
        /// The variable of the program's environment that holds the endpoint's credential, such as `PGPASSWORD`.
        pub credential_variable: Option<String>,
    }
}

impl PluginProbe {
    /// What a command may be filled in with.
    pub const PLACES: [&'static str; 8] =
        ["host", "port", "server-name", "url", "database", "user", "bucket", "region"];

    /// The command with the target's values filled in, or the names of those it does not have.
    pub fn filled(&self, target: Option<&Target>) -> Result<Vec<String>, Vec<String>> {
        let mut missing = Vec::new();
        let value = |name: &str| target.and_then(|target| target.value(name));
        let command = self.command.iter().map(|argument| places::fill(argument, value, &mut missing)).collect();
        if missing.is_empty() { Ok(command) } else { Err(missing) }
    }
}
