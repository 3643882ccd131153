//! Tests of invalid profiles: each mistake is reported by its key, with a remedy.

use std::collections::BTreeMap;

use super::file::File;
use super::{Problem, Profiles};
use hookgate_domain::RetryPolicy;

/// Valid profile in TOML, which the tests modify.
const BASE: &str = r#"
envelope.members = [{ name = "id", value = "{id}" }, { name = "data", value = "{data}" }]
signature.content = "{timestamp}.{body}"
signature.encoding = "hex"
signature.headers = { X-Acme-Signature = "t={timestamp},{signatures}" }
secret.form = "text"
retry.schedule = ["1m", "2h"]
retention.feed = "30d"
door.key = "bearer"
catalogue = [{ type = "a.b", description = "x" }]
"#;

fn profiles(files: &[(&str, &str)]) -> Result<Profiles, Vec<Problem>> {
    let parse = |text: &str| -> File { toml_edit::de::from_str(text).expect("it is TOML of a profile") };
    let files: BTreeMap<_, _> = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), parse(text)))
        .collect();
    Profiles::new(&files)
}

/// Reports all problems of the base profile with one key changed.
fn said(changed: &str) -> String {
    let key = changed.split('=').next().unwrap_or_default().trim();
    let kept = BASE
        .lines()
        .filter(|line| !line.starts_with(key) || key.is_empty());
    let text = format!("{}\n{changed}\n", kept.collect::<Vec<_>>().join("\n"));
    match profiles(&[("acme", &text)]) {
        Ok(_) => "it holds".to_owned(),
        Err(found) => found.iter().map(|problem| format!("{problem}\n")).collect(),
    }
}

#[test]
fn what_ships_holds() {
    if let Err(found) = profiles(&[("acme", BASE)]) {
        panic!(
            "{}",
            found
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        );
    }
}

#[test]
fn mistakes_are_told_by_their_keys() {
    for (changed, words) in [
        (
            "door.messages = { not_fond = 'x' }",
            &[
                "profiles.acme.door.messages.not_fond: ",
                "did you mean `not_found`?",
            ][..],
        ),
        (
            "door.messages = { not_found = 'No {fild}' }",
            &["door.messages.not_found: `{fild}`", "there are {code}, {status}"],
        ),
        (
            "door.messages = { invalid_field = 'No {fild}' }",
            &["did you mean `{field}`?"],
        ),
        (
            "door.messages = { not_found = 'See {request_id}' }",
            &["headers.request_id = "],
        ),
        ("door.messages = { not_found = '' }", &["1 to 500"]),
        (
            "headers.user_agent = \"a\\nb\"",
            &["headers.user_agent: ", "letters of ASCII"],
        ),
        (
            "headers.response = { Content-Length = '1' }",
            &["headers.response.Content-Length: ", "says how the answer is read"],
        ),
        ("headers.response = { 'X Y' = '1' }", &["not a header's name"]),
        (
            "headers.request_id = 'X-Id'\nheaders.response = { x-id = '1' }",
            &["headers.response.x-id: ", "there already"],
        ),
        (
            "signature.content = '{body'",
            &["profiles.acme.signature.content: ", "without its `}`"][..],
        ),
        (
            "signature.content = '{secret}.{body}'",
            &["profiles.acme.signature.content: `{secret}`", "there are {id}"],
        ),
        (
            "signature.content = '{data:call_id}'",
            &["signature.content", "JSON pointer"],
        ),
        (
            "signature.content = '{timestamp}'",
            &["signature.content", "nothing of the event is signed"],
        ),
        (
            "signature.each = 'v1'",
            &["signature.each", "does not hold the signature"],
        ),
        ("signature.between = ''", &["signature.between", "told apart"]),
        (
            "signature.headers = { 'X Acme' = '{first}' }",
            &["signature.headers.X Acme: ", "not a header's name"],
        ),
        (
            "signature.headers = { Content-Type = '{first}' }",
            &["signature.headers.Content-Type", "belongs to HTTP"],
        ),
        (
            "signature.headers = { X-A = '{body}' }",
            &["signature.headers.X-A: `{body}`", "{signatures}"],
        ),
        (
            "signature.headers = { X-A = '{id}' }",
            &["signature.headers: no header carries the signature"],
        ),
        (
            "signature.headers = { X-A = '{id}{first}' }",
            &["signature.headers.X-A", "told apart"],
        ),
        (
            "signature.headers = { X-A = '{first}', x-a = '{id}' }",
            &["there already"],
        ),
        (
            "secret.form = 'text'\nsecret.bytes = 8",
            &["secret.bytes", "16 to 64"],
        ),
        (
            "secret.form = 'text'\nsecret.shortest = 600",
            &["secret.shortest"],
        ),
        (
            "secret = { prefix = 'x' }",
            &["profiles.acme.secret.form", "a signature needs a secret"],
        ),
        ("envelope.members = []", &["profiles.acme.envelope: nothing says"]),
        (
            "envelope.members = [{ name = 'a', value = '{timestamp}' }]",
            &["envelope.members.0.value", "take {created}"],
        ),
        (
            "envelope.members = [{ name = 'a', value = 'text' }]",
            &["envelope.members.0.value", "`constant`"],
        ),
        (
            "envelope.members = [{ value = '{id}' }]",
            &["envelope.members.0: a member has"],
        ),
        (
            "envelope.members = [{ spread = '{id}' }]",
            &["envelope.members.0.spread"],
        ),
        (
            "envelope.members = [{ name = 'a', constant = 1 }, { name = 'a', constant = 2 }]",
            &["envelope.members.1.name: there are two"],
        ),
        ("envelope.body = '{id}'", &["profiles.acme.envelope.body"]),
        (
            "endpoint.success = ['5xx']",
            &["endpoint.success.0", "200 to 499"],
        ),
        ("endpoint.timeout = '0s'", &["endpoint.timeout"]),
        ("retry.schedule = ['8d']", &["retry.schedule", "7 days"]),
        (
            "retry.schedule = ['1m']\nretry.attempts = 5",
            &["retry.attempts", "1 to 2 attempts, not 5"],
        ),
        (
            "retry.schedule = []\nretry.base = '1s'",
            &["profiles.acme.retry: ", "`base`, `max` and `attempts`"],
        ),
        (
            "retention.feed = '1h'",
            &["retention.feed", "kept for 1h", "retried for up to 2h 1m"],
        ),
        (
            "auto_disable.over = 0.95",
            &["profiles.acme.auto_disable: ", "belong together"],
        ),
        (
            "auto_disable = { over = 95.0, window = '1h', least_attempts = 1 }",
            &["auto_disable.over", "0.95"],
        ),
        (
            "auto_disable = { over = 0.5, warn_over = 0.6, window = '1h', least_attempts = 1 }",
            &["warn_over"],
        ),
        ("patterns.allow = []", &["patterns.allow"]),
        (
            "catalogue = []\npatterns.known_only = true",
            &["patterns.known_only"],
        ),
        (
            "catalogue = [{ type = 'a,b', description = 'x' }]",
            &["catalogue.0.type"],
        ),
        ("payload.thin = ['id']", &["payload.thin.0"]),
        ("payload.thin = []", &["payload.thin: "]),
        ("extends = 'stirpe'", &["profiles.acme.extends", "stripe"]),
        ("door.key = 'X Key'", &["door.key"]),
        ("door.key = 'bearer'\ndoor.id_prefix = 'wh '", &["door.id_prefix"]),
        (
            "routes = [{ method = 'POST', path = '/a b', action = 'create_subscription', in = { url = 'url', events = 'events' } }]",
            &["routes.0.path"],
        ),
        (
            "routes = [{ method = 'POST', path = '/a', action = 'create_subscription', in = { url = 'url', hook = 'wait' } }]",
            &[
                "routes.0.in.hook: `wait` means nothing",
                "routes.0.in: no field means `events`",
            ],
        ),
        (
            "routes = [{ method = 'GET', path = '/a', action = 'delete_subscription' }]",
            &["routes.0.path: it does not say which", "routes.0.method"],
        ),
        (
            "routes = [{ method = 'GET', path = '/a', action = 'get_delivery' }, { method = 'POST', path = '/b/{id}', action = 'recover_subscription', in = { to = 'until' } }, { method = 'GET', path = '/c/{id}', action = 'retry_delivery' }]",
            &[
                "routes.0.path: it does not say which delivery",
                "routes.1.in: no field means `since`",
                "routes.2.method",
            ],
        ),
        (
            "routes = [{ method = 'GET', path = '/a/{id}', action = 'get_subscription', answer = [{ name = 'secret', value = '{secret}' }] }]",
            &["routes.0.answer.0: ", "{status}"],
        ),
        (
            "routes = [{ method = 'POST', path = '/v1/webhooks', action = 'create_subscription', in = { u = 'url', e = 'events' } }]",
            &[
                "profiles.acme.routes.0.path: `/v1/webhooks` is taken by `/v1/webhooks` of the profile `synaptis`",
            ],
        ),
    ] {
        let said = said(changed);
        for word in words {
            assert!(said.contains(word), "`{word}` is not in\n{said}\nof\n{changed}");
        }
    }
}

#[test]
fn what_is_added_replaces_only_what_it_says() {
    let list = "method = 'GET', path = '/v1/webhooks', action = 'list_subscriptions'";
    let more = "method = 'GET', path = '/v1/webhooks/{id}/health', action = 'subscription_stats'";
    let kind = "type = 'lead.verified', description = 'x'";
    for (added, words) in [
        (
            format!("add.routes = [{{ {list} }}]"),
            "synaptis.add.routes.0.path: there is a route `GET /v1/webhooks` already; write `replace = true`",
        ),
        (
            format!("add.routes = [{{ {more}, replace = true }}]"),
            "synaptis.add.routes.0.replace: there is no route `GET /v1/webhooks/{id}/health` to replace",
        ),
        (
            format!("add.routes = [{{ {more} }}, {{ {more} }}]"),
            "synaptis.add.routes.1.path: `/v1/webhooks/{id}/health` is taken",
        ),
        (
            format!("routes = [{{ {more}, replace = true }}]"),
            "synaptis.routes.0.replace: this list replaces all routes",
        ),
        (
            "add.routes = [{ method = 'GET', path = '/hooks', action = 'get_subscription' }]".to_owned(),
            "synaptis.add.routes.0.path: it does not say which",
        ),
        (
            format!("add.catalogue = [{{ {kind} }}]"),
            "synaptis.add.catalogue.0.type: the event type `lead.verified` is in the catalogue already",
        ),
        (
            "add.catalogue = [{ type = 'a.b', description = 'x', replace = true }]".to_owned(),
            "synaptis.add.catalogue.0.replace: there is no event type `a.b` to replace",
        ),
        (
            "add.catalogue = [{ description = 'x', replace = true }]".to_owned(),
            "synaptis.add.catalogue.0.replace: ",
        ),
        (
            "add.catalogue = [{ type = 'a.b', description = 'x' }, { type = 'a.b', description = 'y' }]"
                .to_owned(),
            "synaptis.add.catalogue.1.type: this type is in the catalogue already",
        ),
        (
            "catalogue = [{ type = 'a.b', description = 'x', replace = true }]".to_owned(),
            "synaptis.catalogue.0.replace: ",
        ),
    ] {
        let found = profiles(&[("synaptis", &added)]).expect_err(&added);
        let said: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert!(
            said.len() == 1 && said[0].contains(words),
            "{said:#?}\nof\n{added}"
        );
    }
    let added = format!(
        "add.routes = [{{ {list}, status = 203, replace = true }}, {{ {more} }}]\nadd.catalogue = [{{ {kind}, replace = true }}, {{ type = 'a.b', description = 'y' }}]"
    );
    let changed = profiles(&[("synaptis", &added)]).expect("it holds");
    let profile = changed.get("synaptis").expect("it is there");
    assert_eq!(profile.door.routes.len(), 6);
    let lists = profile
        .door
        .routes
        .iter()
        .filter(|route| route.path.to_string() == "/v1/webhooks");
    let statuses: Vec<_> = lists.map(|route| (route.method.name(), route.status)).collect();
    assert_eq!(statuses, [("POST", 201), ("GET", 203)]);
    assert_eq!(changed.route_key("synaptis", 4), "profiles.synaptis.add.routes.0");
    assert_eq!(profile.catalogue.len(), 8);
    let known = profiles(&[(
        "syncai",
        "add.catalogue = [{ type = 'document.split', description = 'x' }]",
    )]);
    let known = known.expect("it holds");
    let patterns = &known.get("syncai").expect("it is there").patterns;
    assert_eq!(patterns.known.as_ref().map(Vec::len), Some(3));
}

#[test]
fn warnings_that_could_not_be_sent_are_refused() {
    for (name, written, words) in [
        (
            "synthesq",
            "warnings.disabled = 'hookgate.disabled'",
            "synthesq.warnings.disabled: types below `hookgate.`",
        ),
        (
            "synthesq",
            "warnings.disabled = 'web hook*'",
            "synthesq.warnings.disabled: ",
        ),
        (
            "synthesq",
            "warnings = { disabled = 'a.b', failing = 'a.b' }",
            "synthesq.warnings.disabled: both",
        ),
        (
            "synaptis",
            "warnings.failing = 'a.b'",
            "synaptis.warnings.failing: nothing would be sent",
        ),
        (
            "synthesq",
            "warnings.members = []",
            "synthesq.warnings.members: these are members of no event",
        ),
        (
            "synthesq",
            "warnings = { disabled = 'a.b', members = [{ name = 'x', value = '{secret}' }] }",
            "synthesq.warnings.members.0: ",
        ),
        (
            "synthflow",
            "warnings.disabled = 'a.b'",
            "synthflow.warnings: the profile signs the text or number at `/call_id`",
        ),
    ] {
        let found = profiles(&[(name, written)]).expect_err(written);
        let said: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert!(said[0].contains(words), "{said:#?}\nof\n{written}");
    }
    let written = "warnings = { disabled = 'a.b', members = [{ name = 'call_id', value = '{id}' }] }";
    let signed = profiles(&[("synthflow", written)]).expect("it can be signed");
    let profile = signed.get("synthflow").expect("it is there");
    let described = &profile.catalogue[0];
    assert_eq!(described.kind, profile.warnings.disabled);
    for shipped in Profiles::shipped().iter() {
        assert_eq!(
            (&shipped.warnings.failing, &shipped.warnings.disabled),
            (&None, &None)
        );
    }
}

#[test]
fn unknown_keys_are_refused() {
    let unknown = toml_edit::de::from_str::<File>("signature.contnet = 'x'").expect_err("no such key");
    assert!(unknown.to_string().contains("content"), "{unknown}");
}

#[test]
fn a_profile_of_the_configuration_changes_a_shipped_one() {
    let text = "endpoint.https_only = false\nlimits.subscriptions = 3";
    let changed = profiles(&[("syncai", text)]).expect("it holds");
    let profile = changed.get("syncai").expect("it is there");
    assert!(!profile.endpoint.https_only);
    assert_eq!(profile.limits.subscriptions, Some(3));
    assert_eq!(profile.door.routes.len(), 5);
    assert_eq!(
        Profiles::shipped()
            .get("syncai")
            .map(|shipped| shipped.endpoint.https_only),
        Some(true)
    );
}

#[test]
fn a_profile_that_extends_another_keeps_its_door() {
    let text = "extends = 'synaptis'\nretry.schedule = ['1m']\nenvelope.body = '{data}'";
    let extended = profiles(&[("acme", text)]).expect("one door for both");
    let profile = extended.get("acme").expect("it is there");
    assert_eq!(profile.retry.as_ref().map(RetryPolicy::attempts), Some(2));
    let taken = "extends = 'synaptis'\ndoor.key = 'X-Key'";
    assert!(profiles(&[("acme", taken)]).is_err(), "two keys for one door");
}
