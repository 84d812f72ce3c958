//! Mistakes in the places an environment binds, each told with its file, its line and what to do.

use super::faults_with;

#[test]
fn no_secret_stands_in_an_address_and_none_travels_unencrypted() {
    let api = "url = \"https://api.samiatarot.com\"";
    let database = "host = \"db.samiatarot.com\"\ndatabase = \"postgres\"";
    let name = "name = \"api.samiatarot.com\"";
    let asks = |server: &str| format!("{name}\nservers = [\"{server}\"]");
    let credential = |url: &str| format!("url = \"{url}\"\ncredential = \"production-api\"");
    let off = |host: &str| format!("host = \"{host}\"\ntls = \"off\"\ndatabase = \"postgres\"");
    for (from, to, field, message) in [
        (api, "url = \"https://a:b@api.samiatarot.com\"".to_owned(), "url", "an address holds no user and no password"),
        (api, "url = \"https://a@api.samiatarot.com/x\"".to_owned(), "url", "an address holds no user and no password"),
        (api, "url = \"https://a:${word}@${host}\"".to_owned(), "url", "an address holds no user and no password"),
        (api, "url = \"https://api.samiatarot.com?a=b\"".to_owned(), "url", "an endpoint's address has no query"),
        (api, "url = \"https://api.samiatarot.com/#a\"".to_owned(), "url", "an endpoint's address has no query"),
        (api, "url = \"api.samiatarot.com\"".to_owned(), "url", "not an address"),
        (api, "url = \"ftp://api.samiatarot.com\"".to_owned(), "url", "\"ftp\" is not http or https"),
        (api, credential("http://api.samiatarot.com"), "url", "the credential would travel unencrypted"),
        (api, credential("HTTP://1.1.1.1:80"), "url", "the credential would travel unencrypted"),
        (api, "url = \"http://169.254.169.254\"".to_owned(), "url", "169.254.169.254, a link-local address"),
        (database, off("db.samiatarot.com"), "tls", "the credential would travel unencrypted"),
        (database, off("1.1.1.1"), "tls", "the credential would travel unencrypted"),
        (database, off("0.0.0.0"), "host", "0.0.0.0, an unspecified address"),
        (name, asks("169.254.169.254"), "servers", "169.254.169.254, a link-local address"),
        (name, asks("[fe80::1]:53"), "servers", "fe80::1, a link-local address"),
    ] {
        let faults = faults_with("environments/production.toml", from, &to);
        let fault = faults.iter().find(|fault| fault.message.starts_with(message));
        let fault = fault.unwrap_or_else(|| panic!("{to}: {faults:?}"));
        assert_eq!(fault.file, "environments/production.toml");
        assert!(fault.field.ends_with(&format!(".{field}")) && fault.line > 5, "{fault:?}");
        assert!(fault.hint.is_some(), "{fault:?}");
        assert!(!fault.message.contains("a:b"), "{fault:?}");
    }
}

#[test]
fn what_is_near_and_what_only_a_value_decides_is_left_alone() {
    let files = super::bundled();
    let file = files.iter().find(|file| file.name == "environments/production.toml").unwrap();
    let text = String::from_utf8(file.bytes.clone()).unwrap();
    for (url, host) in [
        ("http://localhost:8080", "localhost"),
        ("http://[::1]", "::1"),
        ("http://10.0.0.1/api", "10.0.0.1"),
        ("http://${host}", "${host}"),
        ("${url}", "192.168.1.1"),
    ] {
        let text = text
            .replacen("url = \"https://api.samiatarot.com\"", &format!("url = \"{url}\"\ncredential = \"a\""), 1)
            .replace("host = \"db.samiatarot.com\"\nd", &format!("host = \"{host}\"\ntls = \"off\"\nd"));
        let mut files = super::bundled();
        let file = files.iter_mut().find(|file| file.name == "environments/production.toml").unwrap();
        file.bytes = text.into_bytes();
        assert!(super::Plan::read(&files).is_ok(), "{url} {host}: {:?}", super::Plan::read(&files).err());
    }
}
