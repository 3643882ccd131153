//! Pages of the dashboard and the portal: their routes, headers and files.

use hookgate_tests::{Gateway, Setup};
use reqwest::{Client, Response, StatusCode};
use serde_json::json;

/// Sends a GET request without a key, follows nothing, and decodes nothing.
async fn get(base: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let client = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    let mut request = client.build().unwrap().get(format!("{base}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

fn text<'r>(response: &'r Response, name: &str) -> &'r str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

const HTML: (&str, &str) = ("accept", "text/html,*/*;q=0.8");

#[tokio::test]
async fn pages_have_strict_headers_and_files_are_immutable() {
    let gateway = Setup::embedded().start();
    let base = gateway.base();
    let dashboard = get(base, "/dashboard", &[HTML]).await;
    let tag = text(&dashboard, "etag").to_owned();
    for path in ["/dashboard/deliveries", "/portal", "/portal/endpoints/x"] {
        let page = get(base, path, &[]).await;
        assert_eq!(
            (page.status(), text(&page, "etag")),
            (StatusCode::OK, tag.as_str()),
            "{path}"
        );
        assert_eq!(text(&page, "content-type"), "text/html; charset=utf-8");
        assert_eq!(text(&page, "cache-control"), "no-cache");
        strict(&page, "frame-ancestors 'none'");
        let again = get(base, path, &[("if-none-match", &tag)]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
        let other = get(base, path, &[("accept", "application/json")]).await;
        assert_eq!(other.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let shell = dashboard.text().await.unwrap();
    assert!(!shell.contains("<style") && !shell.contains(" style="), "{shell}");
    let files: Vec<_> = shell.split('"').filter(|text| text.starts_with("/ui/")).collect();
    assert!(!files.is_empty(), "{shell}");
    for path in files {
        let plain = get(base, path, &[]).await;
        assert_eq!(
            (plain.status(), text(&plain, "content-encoding")),
            (StatusCode::OK, ""),
            "{path}"
        );
        assert!(text(&plain, "cache-control").contains("immutable"));
        strict(&plain, "frame-ancestors 'none'");
        let packed = get(base, path, &[("accept-encoding", "gzip")]).await;
        assert_ne!(text(&packed, "content-encoding"), "br", "{path}");
        assert!(text(&packed, "vary").contains("accept-encoding"));
    }
    assert_eq!(
        get(base, "/ui/none.js", &[]).await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        get(base, "/ui/../index.html", &[]).await.status(),
        StatusCode::NOT_FOUND
    );

    let root = get(base, "/", &[HTML]).await;
    assert_eq!(
        (root.status(), text(&root, "location")),
        (StatusCode::SEE_OTHER, "/dashboard")
    );
    assert_eq!(get(base, "/", &[]).await.status(), StatusCode::NOT_FOUND);
    let log = gateway.log().join("\n");
    assert!(log.contains(&format!("dashboard at {base}/dashboard")), "{log}");
}

#[track_caller]
fn strict(response: &Response, ancestors: &str) {
    let policy = text(response, "content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        ancestors,
    ] {
        assert!(policy.split("; ").any(|one| one == part), "{part}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(text(response, "x-content-type-options"), "nosniff");
    assert_eq!(text(response, "referrer-policy"), "no-referrer");
    assert_eq!(text(response, "cross-origin-opener-policy"), "same-origin");
}

#[tokio::test]
async fn pages_are_configured() {
    let framed = Setup::embedded()
        .with("ui.embed_origins = [\"https://app.example.com\", \"http://localhost:3000\"]")
        .start();
    let page = get(framed.base(), "/portal", &[HTML]).await;
    strict(
        &page,
        "frame-ancestors https://app.example.com http://localhost:3000",
    );
    // The operator's rights are never in a frame.
    let page = get(framed.base(), "/dashboard", &[HTML]).await;
    strict(&page, "frame-ancestors 'none'");

    let toml = "ui.enabled = false\nui.public_url = \"https://hooks.example.com/\"\nui.refresh_url = \"https://app.example.com/hooks\"";
    let off = Setup::embedded().with(toml).start();
    for path in ["/", "/dashboard", "/portal"] {
        assert_eq!(
            get(off.base(), path, &[HTML]).await.status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    assert_eq!(off.count_in_log(|line| line.contains("dashboard at")), 0);
    let acme = off.tenant("acme").await;
    let made = acme.post("/v1/portal-links", &json!({})).await.expect(201);
    let url = made["url"].as_str().unwrap();
    let code = url
        .strip_prefix("https://hooks.example.com/portal#code=")
        .expect(url);
    let session = acme
        .with_key("")
        .post("/v1/session", &json!({ "code": code }))
        .await
        .expect(200);
    assert_eq!(session["refresh_url"], "https://app.example.com/hooks");

    for (toml, key) in [
        (
            "ui.embed_origins = [\"https://app.example.com/path\"]",
            "ui.embed_origins",
        ),
        ("ui.embed_origins = [\"*\"]", "ui.embed_origins"),
        ("ui.sessions = 0", "ui.sessions"),
        ("ui.refresh_url = \"javascript:alert(1)\"", "ui.refresh_url"),
    ] {
        let refused = Setup::embedded().with(toml).try_start().map(drop).unwrap_err();
        assert!(format!("{refused:#}").contains(key), "{refused:#}");
    }
}

#[tokio::test]
async fn portal_has_the_configured_theme() {
    let plain = Setup::embedded().start();
    let strict_shell = get(plain.base(), "/portal", &[HTML]).await;
    let same = get(plain.base(), "/dashboard", &[HTML]).await;
    assert_eq!(
        text(&strict_shell, "etag"),
        text(&same, "etag"),
        "no theme is set"
    );
    assert_eq!(
        get(plain.base(), "/ui/portal-theme.css", &[]).await.status(),
        StatusCode::NOT_FOUND
    );

    let dir = tempfile::tempdir().unwrap();
    let logo = dir.path().join("logo.svg");
    std::fs::write(&logo, "<svg xmlns=\"http://www.w3.org/2000/svg\"/>").unwrap();
    let theme = format!(
        "[portal.theme]\nname = 'Acme <hooks>'\nlogo = {logo:?}\nlogo_dark = 'https://cdn.example.com/dark.png'\n[portal.theme.light]\naccent = '#0f766e'"
    );
    let gateway = Setup::embedded().with(&theme).start();
    let base = gateway.base();
    let portal = get(
        base,
        "/portal/endpoints",
        &[HTML, ("accept-encoding", "gzip, br")],
    )
    .await;
    let policy = text(&portal, "content-security-policy").to_owned();
    strict(&portal, "img-src 'self' data: https://cdn.example.com");
    let tag = text(&portal, "etag").to_owned();
    let again = get(base, "/portal", &[("if-none-match", &tag)]).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let shell = portal.text().await.unwrap();
    for part in [
        "href=\"/ui/portal-theme.css\"",
        "content=\"Acme &lt;hooks&gt;\"",
        "content=\"/ui/portal-logo.svg\"",
        "content=\"https://cdn.example.com/dark.png\"",
    ] {
        assert!(shell.contains(part), "{part}: {shell}");
    }
    // The operator's pages are as they are, and load nothing from there.
    let dashboard = get(base, "/dashboard", &[HTML]).await;
    strict(&dashboard, "img-src 'self' data:");
    assert_eq!(text(&dashboard, "etag"), text(&same, "etag"));
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    for (path, kind, content) in [
        (
            "/ui/portal-theme.css",
            "text/css; charset=utf-8",
            "--accent:#0f766e;",
        ),
        ("/ui/portal-logo.svg", "image/svg+xml", "<svg"),
    ] {
        let file = get(base, path, &[]).await;
        assert_eq!(
            (file.status(), text(&file, "content-type")),
            (StatusCode::OK, kind)
        );
        assert_eq!(text(&file, "cache-control"), "no-cache", "{path}: its name stays");
        strict(&file, "img-src 'self' data:");
        assert!(file.text().await.unwrap().contains(content), "{path}");
    }

    let pale = "[portal.theme.light]\naccent = '#7dd3fc'";
    let refused = Setup::embedded().with(pale).try_start().map(drop).unwrap_err();
    let told = "accent (#7dd3fc) on plain_soft (#eff0f4) has a contrast of 1.46";
    assert!(format!("{refused:#}").contains(told), "{refused:#}");
}

/// The dashboard is where the operator's routes are; the portal is on the public listener if asked for.
#[tokio::test]
async fn pages_belong_to_their_listeners() {
    for (also, portal) in [("", false), ("also = [\"portal\"]", true)] {
        let table = format!("[server.public]\nlisten = \"127.0.0.1:0\"\n{also}");
        let gateway = Setup::embedded().with(&table).start();
        let public = public(&gateway).await;
        assert_eq!(
            get(gateway.base(), "/dashboard", &[HTML]).await.status(),
            StatusCode::OK
        );
        for path in ["/", "/dashboard", "/dashboard/x", "/docs", "/v1/tenants"] {
            assert_eq!(
                get(&public, path, &[HTML]).await.status(),
                StatusCode::NOT_FOUND,
                "{path}"
            );
        }
        let page = get(&public, "/portal", &[HTML]).await;
        assert_eq!(page.status() == StatusCode::OK, portal);
        let acme = gateway.tenant("acme").await;
        let made = acme.post("/v1/portal-links", &json!({})).await.expect(201);
        let code = made["url"]
            .as_str()
            .unwrap()
            .split_once('=')
            .unwrap()
            .1
            .to_owned();
        let outside = acme.with_key("").towards(&public);
        let session = outside.post("/v1/session", &json!({ "code": code })).await;
        if !portal {
            assert_eq!(session.status, 404);
            continue;
        }
        let user = outside.with_key(session.expect(200)["token"].as_str().unwrap());
        user.get("/v1/subscriptions").await.expect(200);
        let refused = user.get("/v1/signing-secret").await;
        assert_eq!((refused.status, refused.code()), (403, "forbidden"));
        // For sessions of the portal alone.
        assert_eq!(acme.towards(&public).get("/v1/subscriptions").await.status, 404);
        let operator = gateway.operator();
        let made = operator
            .post("/v1/operator/dashboard-links", &json!({}))
            .await
            .expect(201);
        let code = made["url"]
            .as_str()
            .unwrap()
            .split_once('=')
            .unwrap()
            .1
            .to_owned();
        let session = operator
            .with_key("")
            .post("/v1/session", &json!({ "code": code }))
            .await
            .expect(200);
        let user = operator.with_key(session["token"].as_str().unwrap());
        user.get("/v1/tenants").await.expect(200);
        let outside = user.acting_for("acme").towards(&public);
        assert_eq!(outside.get("/v1/subscriptions").await.status, 403);
        assert_eq!(outside.get("/v1/tenants").await.status, 404);
    }
}

/// URL of the public listener.
async fn public(gateway: &Gateway) -> String {
    hookgate_tests::eventually("the public listener's address", async || {
        let log = gateway.log().join("\n");
        let told = log.split_once("gateway.public_listening")?.1;
        let (_, rest) = told.split_once("127.0.0.1:")?;
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(format!("http://127.0.0.1:{port}"))
    })
    .await
}
