//! The command `hookgate verify` on received requests: success, or the exact mistake.

use std::io::Write as _;
use std::process::Stdio;

use hookgate_tests::gateway::command;
use hookgate_tests::{Received, Receiver, Setup};
use serde_json::{Value, json};

/// Runs the command; returns its exit code and its output.
fn verify(arguments: &[&str], secret: &str, received: &Received, body: &[u8]) -> (Option<i32>, String) {
    let mut command = command();
    command.arg("verify").args(arguments).env("HG_SECRET", secret);
    for (name, value) in &received.headers {
        command.args(["-H", &format!("{name}: {value}")]);
    }
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(body).unwrap();
    let done = process.wait_with_output().unwrap();
    let said = [done.stdout, done.stderr].map(|said| String::from_utf8(said).unwrap());
    (done.status.code(), said.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_is_judged_for_every_profile() {
    let own = "[profiles.ours]\nextends = \"synthesq\"\npatterns.known_only = false\n\
               [profiles.ours.signature.headers]\nX-Ours = \"{first}\"\n";
    let gateway = Setup::embedded().with(own).start();
    let config = gateway.dir().join("hookgate.toml");
    let config = config.to_str().unwrap();
    let operator = gateway.operator();
    for (profile, signature, kind) in [
        ("standard", None, "a.b"),
        ("standard", Some("v1a"), "a.b"),
        ("synaptis", None, "lead.verified"),
        ("synthesq", None, "product.created"),
        ("ours", None, "a.b"),
        ("github", None, "a.b"),
    ] {
        let name = format!("{profile}-{}", signature.unwrap_or("mac"));
        let made = operator
            .post("/v1/tenants", &json!({ "id": name, "profile": profile }))
            .await
            .expect(201);
        let tenant = operator.with_key(made["key"].as_str().unwrap());
        let receiver = Receiver::start(vec![]).await;
        let mut asked = json!({ "url": receiver.url(), "events": [kind] });
        if let Some(signature) = signature {
            asked["signature"] = signature.into();
        }
        let made = tenant.post("/v1/subscriptions", &asked).await.expect(201);
        let secret = made["secret"]
            .as_str()
            .or_else(|| made["public_key"].as_str())
            .unwrap();
        tenant
            .publish(kind, json!({ "name": "José", "amount": 1.5 }))
            .await;
        let received = receiver.wait_for(1).await.remove(0);
        let arguments = match profile {
            "ours" => vec!["--profile", profile, "--config", config],
            _ => vec!["--profile", profile],
        };
        let (code, said) = verify(&arguments, secret, &received, &received.body);
        assert!(code == Some(0) && said.contains("genuine"), "{name}: {said}");

        let altered = [&received.body[..], b"\n"].concat();
        let (code, said) = verify(&arguments, secret, &received, &altered);
        assert!(
            code == Some(1) && said.contains("newline at its end"),
            "{name}: {said}"
        );
        assert!(!said.contains(secret), "a secret is not repeated: {said}");

        let with_json: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
        let (code, said) = verify(&with_json, secret, &received, b"{}");
        let told: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
        assert_eq!((code, &told["genuine"]), (Some(1), &json!(false)));
        assert_eq!(told["findings"][0]["code"], "no_match", "{said}");
        if profile == "standard" {
            let late: Vec<_> = arguments
                .iter()
                .copied()
                .chain(["--at", "2035-01-01T00:00:00Z"])
                .collect();
            let (code, said) = verify(&late, secret, &received, &received.body);
            assert!(
                code == Some(1) && said.contains("apart from that it is genuine"),
                "{said}"
            );
            let (code, said) = verify(&["--profile", "synthesq"], secret, &received, &received.body);
            assert!(code == Some(1) && said.contains("--profile standard"), "{said}");
        }
    }
}

#[test]
fn what_is_asked_wrongly_is_said() {
    for (arguments, words) in [
        (
            &["verify", "--secret", "x", "--profile", "nope"][..],
            "there is no profile",
        ),
        (
            &["verify", "--secret", "x", "-H", "no header"],
            "is not a header line",
        ),
        (&["verify", "--secret", "x", "--at", "soon"], "is not a time"),
        (&["verify"], "--secret"),
    ] {
        let done = command().args(arguments).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(
            done.status.code() == Some(2) && said.contains(words),
            "{arguments:?}: {said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listen_verifies_any_profiles_deliveries() {
    let own = "[profiles.ours]\nextends = \"synthesq\"\npatterns.known_only = false\n\
               [profiles.ours.signature.headers]\nX-Ours = \"{first}\"\nX-Ours-Id = \"{id}\"\n";
    let gateway = Setup::embedded().with(own).start();
    let config = gateway.dir().join("hookgate.toml");
    let operator = gateway.operator();
    for (profile, secret, verdict) in [
        ("synthesq", "a secret of one's own", "signature genuine"),
        ("synthesq", "another", "signature NOT genuine"),
        ("ours", "a secret of one's own", "signature genuine"),
    ] {
        let tenant = json!({ "id": format!("t-{}", secret.len() + profile.len()), "profile": profile });
        let made = operator.post("/v1/tenants", &tenant).await.expect(201);
        let tenant = operator.with_key(made["key"].as_str().unwrap());
        let mut listening = command();
        listening.args(["listen", "--port", "0", "--profile", profile]);
        if profile == "ours" {
            listening.arg("--config").arg(&config);
        }
        let mut process = listening
            .env("HG_SECRET", secret)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = std::io::BufReader::new(process.stdout.take().unwrap());
        let mut lines = std::io::BufRead::lines(said).map_while(Result::ok);
        let first = lines.next().unwrap();
        let url = first
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("{first}"));
        let asked = json!({
            "url": format!("{url}/hook"), "events": ["product.created"], "secret": "a secret of one's own",
        });
        tenant.post("/v1/subscriptions", &asked).await.expect(201);
        let id = tenant.publish("product.created", json!({ "id": 7 })).await;
        let told = tokio::task::spawn_blocking(move || lines.next()).await.unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        let told = told.unwrap();
        assert!(told.contains(verdict) && told.contains(&id), "{told}");
    }
    let unknown = command()
        .args(["listen", "--profile", "nobody"])
        .output()
        .unwrap();
    let said = String::from_utf8(unknown.stderr).unwrap();
    assert!(
        unknown.status.code() == Some(2) && said.contains("there is no profile `nobody`"),
        "{said}"
    );
}
