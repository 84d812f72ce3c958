//! Rules of checks that run a monitoring plug-in.

use super::{Faults, TableReader};
use crate::check::PluginProbe;
use crate::places;
use crate::plan::read::{nearest, shown};

pub(super) fn judge(probe: &PluginProbe, reader: &mut TableReader<'_, '_>, faults: &mut Faults<'_>) {
    match probe.command.first() {
        None => reader.fault("command", "no program to run", None, faults),
        Some(program) if !program.starts_with('/') || program.contains("${") => {
            let hint = "Give its whole path, such as \"/usr/lib/nagios/plugins/check_disk\".".to_owned();
            reader.fault("command", "the program is not an absolute path", Some(hint), faults);
        }
        Some(_) => {}
    }
    if probe.command.iter().any(|argument| argument.contains('\0')) {
        reader.fault("command", "no program takes a NUL", None, faults);
    }
    for name in probe.command.iter().flat_map(|argument| places::names(argument)) {
        if !PluginProbe::PLACES.contains(&name) {
            let hint = match nearest(name, PluginProbe::PLACES.into_iter()) {
                Some(near) => format!("Did you mean \"${{{near}}}\"?"),
                None => format!("Known are {}.", PluginProbe::PLACES.join(", ")),
            };
            reader.fault("command", format!("nothing is called \"{}\" here", shown(name)), Some(hint), faults);
        } else if probe.endpoint.is_none() {
            reader.fault("command", format!("\"${{{name}}}\" is an endpoint's, and none is given"), None, faults);
        }
    }
    if let Some(variable) = &probe.credential_variable {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if variable.is_empty() || !variable.bytes().all(fits) || variable.as_bytes()[0].is_ascii_digit() {
            reader.fault("credential-variable", "not the name of a variable", None, faults);
        }
        // What changes which code a program runs is none of a credential's business.
        if variable.starts_with("LD_") || variable.starts_with("DYLD_") || ["PATH", "IFS"].contains(&variable.as_str())
        {
            reader.fault("credential-variable", "would change how the program runs", None, faults);
        }
        if probe.endpoint.is_none() {
            let message = "the credential is an endpoint's, and none is given";
            reader.fault("credential-variable", message, None, faults);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::faults_of;

    #[test]
    fn rules_of_plugin_checks() {
        for (lines, fault) in [
            (r#"command = ["/bin/true"]"#, None),
            ("endpoint = \"e\"\ncommand = [\"/bin/check\", \"-H\", \"${host}:${port}\"]", None),
            ("endpoint = \"e\"\ncommand = [\"/bin/check\"]\ncredential-variable = \"PGPASSWORD\"", None),
            ("command = []", Some("no program to run")),
            ("", Some("no program to run")),
            (r#"command = ["check_disk"]"#, Some("not an absolute path")),
            (r#"command = ["/bin/${host}"]"#, Some("not an absolute path")),
            (r#"command = ["/bin/check", "${host}"]"#, Some("none is given")),
            ("endpoint = \"e\"\ncommand = [\"/bin/check\", \"${hots}\"]", Some("nothing is called \"hots\"")),
            ("endpoint = \"e\"\ncommand = [\"/bin/check\", \"a\\u0000b\"]", Some("NUL")),
            ("command = [\"/bin/check\"]\ncredential-variable = \"A\"", Some("none is given")),
            ("endpoint = \"e\"\ncommand = [\"/bin/c\"]\ncredential-variable = \"1 A\"", Some("name of a variable")),
            ("endpoint = \"e\"\ncommand = [\"/bin/c\"]\ncredential-variable = \"LD_PRELOAD\"", Some("how the program")),
        ] {
            faults_of("plugin", lines, fault);
        }
    }
}
